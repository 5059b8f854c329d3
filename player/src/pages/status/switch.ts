import type { Api, Role, Stream } from './api';
import { el } from './dom';

/** What each input is called on the page. */
export const names: Record<Role, string> = { primary: 'primary', backup: 'backup', slate: 'slate' };

/** The operator's hand on a stream: another input, a pin, the end. The buttons stay while the figures around them change. */
export function switchPanel(api: Api, stream: string): { panel: HTMLElement; update: (s: Stream) => void } {
  let other: Role = 'backup';
  let onAir: Role | undefined;
  let pinned = false;
  const answer = el('span', { class: 'dim', role: 'status' });
  const act = async (button: HTMLButtonElement, path: string, done: string) => {
    button.disabled = true;
    try {
      await api.act(stream, path);
      answer.textContent = done;
    } catch (err) {
      answer.textContent = err instanceof Error ? err.message : 'The server did not answer.';
    } finally {
      button.disabled = false;
    }
  };
  const change = el('button', { type: 'button', class: 'button' });
  change.addEventListener('click', () => void act(change, `switch?input=${other}`, `Switching ${stream} to the ${names[other]}.`));
  const pin = el('button', { type: 'button', class: 'button plain', 'aria-pressed': 'false' });
  pin.addEventListener('click', () => void act(pin, `pin?input=${pinned ? '' : (onAir ?? '')}`, pinned ? 'The better input is chosen again.' : `${stream} stays on the ${onAir}.`));
  const end = el('button', { type: 'button', class: 'button plain' }, 'End broadcast');
  end.addEventListener('click', () => {
    if (confirm(`End the broadcast of ${stream} for all viewers? Stop its encoder too, or it begins another.`)) {
      void act(end, 'end', `The broadcast of ${stream} has ended.`);
    }
  });
  const panel = el('div', { class: 'switch', role: 'group', 'aria-label': `Inputs of ${stream}` }, change, pin, end, answer);
  const update = (s: Stream) => {
    onAir = s.inputs?.onAir;
    pinned = !!s.inputs?.pinned;
    const encoders = (s.inputs?.inputs ?? []).filter((i) => i.role !== onAir);
    other = encoders[0]?.role ?? 'backup';
    panel.hidden = !onAir;
    change.hidden = encoders.length === 0 || onAir === 'slate';
    pin.hidden = !pinned && change.hidden;
    label(change, `Switch to ${names[other]}`);
    label(pin, pinned ? `Pinned to ${s.inputs?.pinned}` : `Keep on ${names[onAir ?? 'primary']}`);
    pin.setAttribute('aria-pressed', String(pinned));
  };
  return { panel, update };
}

/** Leaves a button's text alone where it has not changed, so that what is being read out is not cut off. */
function label(button: HTMLButtonElement, text: string): void {
  if (button.textContent !== text) {
    button.textContent = text;
  }
}
