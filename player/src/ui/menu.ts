import { icons } from './icons';

export interface MenuItem {
  value: string;
  label: string;
}

/**
 * A button with a popup of radio items (WAI-ARIA APG, Menu Button). The owner sets `items` and `value`, and listens to
 * `choose` (detail: the value) and `toggle`. It renders into itself: the owner's style sheet dresses it.
 */
export class PopupMenu extends HTMLElement {
  private readonly button = document.createElement('button');
  private readonly badge = document.createElement('span');
  private readonly list = document.createElement('div');
  private shown = '';

  connectedCallback(): void {
    if (this.button.isConnected) {
      return;
    }
    const label = this.getAttribute('label') ?? '';
    this.button.type = 'button';
    this.button.className = 'control';
    this.button.setAttribute('aria-haspopup', 'menu');
    this.button.setAttribute('aria-expanded', 'false');
    this.button.innerHTML = icons[this.getAttribute('icon') as keyof typeof icons];
    this.badge.className = 'badge';
    this.button.append(this.badge);
    this.list.className = 'popup';
    this.list.setAttribute('role', 'menu');
    this.list.setAttribute('aria-label', label);
    this.list.hidden = true;
    this.append(this.button, this.list);
    this.button.addEventListener('click', () => (this.open = !this.open));
    this.addEventListener('keydown', this.onKey);
    this.addEventListener('focusout', (e) => {
      if (!this.contains(e.relatedTarget as Node | null)) {
        this.open = false;
      }
    });
    this.list.addEventListener('click', (e) => {
      const item = (e.target as Element).closest<HTMLElement>('[role=menuitemradio]');
      if (item) {
        this.choose(item.dataset['value']!);
      }
    });
  }

  /** Shows these items, `value` being the chosen one; `badge` is the short text beside the icon. Hidden below two items. */
  update(items: MenuItem[], value: string, badge: string): void {
    const key = JSON.stringify([items, value, badge]);
    if (key === this.shown) {
      return;
    }
    this.shown = key;
    this.hidden = items.length < 2;
    this.badge.textContent = badge;
    const current = items.find((i) => i.value === value)?.label ?? '';
    const label = `${this.getAttribute('label')}: ${current}`;
    this.button.setAttribute('aria-label', label);
    this.button.title = label;
    const focused = (this.getRootNode() as ShadowRoot).activeElement as HTMLElement | null;
    this.list.replaceChildren(...items.map((i) => itemElement(i, i.value === value)));
    if (focused?.dataset['value'] !== undefined && this.open) {
      this.radios.find((r) => r.dataset['value'] === focused.dataset['value'])?.focus();
    }
  }

  get open(): boolean {
    return !this.list.hidden;
  }

  set open(open: boolean) {
    if (open === this.open) {
      return;
    }
    this.list.hidden = !open;
    this.button.setAttribute('aria-expanded', String(open));
    if (open) {
      (this.radios.find((r) => r.ariaChecked === 'true') ?? this.radios[0])?.focus();
    }
    this.dispatchEvent(new CustomEvent('toggle'));
  }

  private get radios(): HTMLElement[] {
    return [...this.list.querySelectorAll<HTMLElement>('[role=menuitemradio]')];
  }

  private choose(value: string): void {
    this.open = false;
    this.button.focus();
    this.dispatchEvent(new CustomEvent('choose', { detail: value }));
  }

  private readonly onKey = (e: KeyboardEvent): void => {
    const radios = this.radios;
    const at = radios.indexOf(e.target as HTMLElement);
    const step: Record<string, number> = {
      ArrowDown: at + 1,
      ArrowUp: at - 1,
      Home: 0,
      End: radios.length - 1,
    };
    if (e.key === 'Escape' && this.open) {
      this.open = false;
      this.button.focus();
    } else if (e.key in step) {
      this.open = true;
      radios[(step[e.key]! + radios.length) % radios.length]?.focus();
    } else if ((e.key === 'Enter' || e.key === ' ') && at >= 0) {
      this.choose(radios[at]!.dataset['value']!);
    } else {
      return;
    }
    e.preventDefault();
    e.stopPropagation();
  };
}

function itemElement(item: MenuItem, checked: boolean): HTMLElement {
  const el = document.createElement('div');
  el.setAttribute('role', 'menuitemradio');
  el.setAttribute('aria-checked', String(checked));
  el.tabIndex = -1;
  el.dataset['value'] = item.value;
  el.innerHTML = icons.check;
  el.append(item.label);
  return el;
}

customElements.define('stagecast-menu', PopupMenu);
