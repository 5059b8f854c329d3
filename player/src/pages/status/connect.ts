import { copy, dress } from '../clipboard';
import type { Api, Connect } from './api';
import { el } from './dom';
import { encoders, type Line } from './encoders';
import { code } from './qr';

/** What to type into an encoder for a stream; what holds the key is hidden until it is asked for. */
export function connectPanel(api: Api, stream: string, said: HTMLElement): HTMLElement {
  const panel = el('details', { class: 'connect' }, el('summary', {}, 'Connect an encoder'));
  let filled = false;
  panel.addEventListener('toggle', () => {
    if (!panel.open || filled) {
      return;
    }
    filled = true;
    panel.querySelector('.bad')?.remove();
    const wait = el('p', { class: 'dim' }, 'Asking the server…');
    panel.append(wait);
    void api.connect(stream).then(
      (c) => wait.replaceWith(fields(c, stream, said)),
      () => {
        wait.replaceWith(el('p', { class: 'bad' }, 'The server did not answer. Close this and open it again.'));
        filled = false;
      },
    );
  });
  return panel;
}

function fields(c: Connect, stream: string, said: HTMLElement): HTMLElement {
  const tools = encoders(c, stream);
  const id = `tool-${Math.random().toString(36).slice(2, 8)}`;
  const choice = el('select', { id }, ...tools.map((t) => el('option', { value: t.name }, t.name)));
  choice.value = 'OBS';
  const lines = el('div', { class: 'connect-lines' });
  const show = () => {
    const tool = tools.find((t) => t.name === choice.value) ?? tools[0];
    lines.replaceChildren(
      ...(tool ? [el('p', { class: 'dim' }, tool.note), ...tool.lines.map((l) => field(l, tool.name, said))] : []),
    );
  };
  choice.addEventListener('change', show);
  show();
  const backup = c.backup?.key;
  return el(
    'div',
    { class: 'connect-fields' },
    el('div', { class: 'field' }, el('label', { for: id }, 'Encoder'), choice),
    lines,
    !!backup && el('p', { class: 'dim' }, 'A second encoder, with any protocol, uses this key in place of the other. It stands by, and takes over when the first fails.'),
    !!backup && field({ label: "Backup's stream key", value: backup, secret: true }, 'Backup', said),
  );
}

function field(line: Line, tool: string, said: HTMLElement): HTMLElement {
  const { label, value } = line;
  const id = `f-${label.replaceAll(/\W+/g, '-')}-${Math.random().toString(36).slice(2, 8)}`;
  const input = line.long
    ? el('textarea', { id, class: 'mono', readonly: '', rows: '9', spellcheck: 'false' })
    : el('input', { id, class: 'mono', readonly: '', type: line.secret ? 'password' : 'text', autocomplete: 'off' });
  input.value = value;
  const copying = el('button', { type: 'button', class: 'button' });
  dress(copying, 'copy', 'Copy');
  copying.addEventListener('click', () => void copy(value, copying, said));
  const row = el('div', { class: 'copy-row' }, input);
  if (line.secret && input instanceof HTMLInputElement) {
    row.append(
      toggle('Show', 'Hide', (shown) => {
        input.type = shown ? 'text' : 'password';
      }),
    );
  }
  const whole = el('div', { class: 'field' }, el('label', { for: id }, label), row);
  if (line.scan) {
    const text = line.scan;
    const place = el('div', { class: 'scan' });
    row.append(
      toggle('QR code', 'Hide QR code', (shown) => {
        place.replaceChildren(...(shown ? [code(text, `QR code that sets up ${tool}; it holds the stream key`)] : []));
      }),
    );
    whole.append(place);
  }
  row.append(copying);
  return whole;
}

/** A button that shows and hides something. */
function toggle(show: string, hide: string, change: (shown: boolean) => void): HTMLElement {
  const button = el('button', { type: 'button', class: 'button plain', 'aria-pressed': 'false' }, show);
  let shown = false;
  button.addEventListener('click', () => {
    shown = !shown;
    change(shown);
    button.textContent = shown ? hide : show;
    button.setAttribute('aria-pressed', String(shown));
  });
  return button;
}
