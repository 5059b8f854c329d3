type Child = Node | string | undefined | false;

/** Makes an element. Texts become text nodes: nothing that a broadcaster sends is ever read as markup. */
export function el<K extends keyof HTMLElementTagNameMap>(
  name: K,
  attributes: Record<string, string> = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const e = document.createElement(name);
  for (const [k, v] of Object.entries(attributes)) {
    e.setAttribute(k, v);
  }
  e.append(...children.filter((c): c is Node | string => !!c));
  return e;
}

/** A term and its value in a list of facts. */
export function fact(term: string, value: string): HTMLElement {
  return el('div', { class: 'fact' }, el('dt', {}, term), el('dd', {}, value));
}

/** A table that becomes a list of labelled lines on a narrow screen. */
export function table(heads: string[], rows: Child[][]): HTMLElement {
  return el(
    'table',
    {},
    el('thead', {}, el('tr', {}, ...heads.map((h) => el('th', { scope: 'col' }, h)))),
    el('tbody', {}, ...rows.map((cells) => el('tr', {}, ...cells.map((c, i) => el('td', { 'data-label': heads[i]! }, c))))),
  );
}
