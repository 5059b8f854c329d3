import { icons } from '../ui/icons';

const shownFor = 1600; // ms

/** Gives a button an icon and a label; both come from the page's own script. */
export function dress(button: HTMLElement, icon: keyof typeof icons, label: string): void {
  button.innerHTML = icons[icon];
  button.append(label);
}

/** Copies a text and says so on the button for a moment, and in `said` for those who do not see it. */
export async function copy(text: string, button: HTMLElement, said: HTMLElement | null): Promise<void> {
  const before = [...button.childNodes];
  try {
    await navigator.clipboard.writeText(text);
    dress(button, 'check', 'Copied');
    said?.replaceChildren('Copied');
  } catch {
    dress(button, 'copy', 'Copy by hand');
    said?.replaceChildren('This browser does not allow copying');
  }
  setTimeout(() => {
    button.replaceChildren(...before);
    said?.replaceChildren();
  }, shownFor);
}
