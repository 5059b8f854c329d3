import { copy, dress } from '../clipboard';
import type { Api, Connect } from './api';
import { el } from './dom';
import { encoders } from './encoders';

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
      (c) => wait.replaceWith(fields(c, said)),
      () => {
        wait.replaceWith(el('p', { class: 'bad' }, 'The server did not answer. Close this and open it again.'));
        filled = false;
      },
    );
  });
  return panel;
}

function fields(c: Connect, said: HTMLElement): HTMLElement {
  const tools = encoders(c);
  const id = `tool-${Math.random().toString(36).slice(2, 8)}`;
  const choice = el('select', { id }, ...tools.map((t) => el('option', { value: t.name }, t.name)));
  choice.value = 'OBS';
  const lines = el('div', { class: 'connect-lines' });
  const show = () => {
    const tool = tools.find((t) => t.name === choice.value) ?? tools[0];
    lines.replaceChildren(
      ...(tool ? [el('p', { class: 'dim' }, tool.note), ...tool.lines.map((l) => field(l.label, l.value, l.secret ?? false, said))] : []),
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
    !!backup && field("Backup's stream key", backup, true, said),
  );
}

function field(label: string, value: string, secret: boolean, said: HTMLElement): HTMLElement {
  const id = `f-${label.replaceAll(' ', '-')}-${Math.random().toString(36).slice(2, 8)}`;
  const input = el('input', { id, class: 'mono', readonly: '', type: secret ? 'password' : 'text', autocomplete: 'off' });
  input.value = value;
  const copying = el('button', { type: 'button', class: 'button' });
  dress(copying, 'copy', 'Copy');
  copying.addEventListener('click', () => void copy(value, copying, said));
  const row = el('div', { class: 'copy-row' }, input);
  if (secret) {
    const reveal = el('button', { type: 'button', class: 'button plain', 'aria-pressed': 'false' }, 'Show');
    reveal.addEventListener('click', () => {
      const shown = input.type === 'text';
      input.type = shown ? 'password' : 'text';
      reveal.textContent = shown ? 'Show' : 'Hide';
      reveal.setAttribute('aria-pressed', String(!shown));
    });
    row.append(reveal);
  }
  row.append(copying);
  return el('div', { class: 'field' }, el('label', { for: id }, label), row);
}
