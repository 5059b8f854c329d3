import { bytes, clock } from '../../core/format';
import { mark } from '../../ui/icons';
import { Api, type Status, type Stream, Unauthorized } from './api';
import { attemptsTable } from './attempts';
import { headline, streamFacts } from './card';
import { connectPanel } from './connect';
import { devicesTable } from './devices';
import { el } from './dom';
import { nodesTable } from './nodes';
import { switchPanel } from './switch';

const every = 1000; // ms between two looks

const byId = <T extends HTMLElement = HTMLElement>(id: string) => document.getElementById(id) as T;
const api = new Api();
const said = byId('said');
const cards = new Map<string, Card>();

interface Card {
  card: HTMLElement;
  head: HTMLElement;
  facts: HTMLElement;
  update: (s: Stream) => void;
}

/** Puts the changing parts of a stream's card in place; what the operator has opened in it stays open. */
function showStream(s: Stream, now: number): void {
  let c = cards.get(s.name);
  if (!c) {
    c = newCard(s);
    cards.set(s.name, c);
    byId('streams').append(c.card);
  }
  const [head, facts] = [headline(s), streamFacts(s, now)];
  c.head.replaceWith(head);
  c.facts.replaceWith(facts);
  c.head = head;
  c.facts = facts;
  c.update(s);
}

function newCard(s: Stream): Card {
  const head = el('p');
  const facts = el('div');
  const id = `stream-${s.name}`;
  const links = el(
    'p',
    { class: 'links' },
    el('a', { href: s.urls?.watch ?? '#', target: '_blank', rel: 'noopener' }, 'Watch'),
    el('a', { href: s.urls?.hls ?? '#', target: '_blank', rel: 'noopener' }, 'HLS'),
    el('a', { href: s.urls?.embed ?? '#', target: '_blank', rel: 'noopener' }, 'Embed'),
  );
  const { panel, update } = switchPanel(api, s.name);
  const card = el(
    'article',
    { class: 'card', 'aria-labelledby': id },
    el('div', { class: 'card-top' }, el('h2', { id }, s.name), head, links),
    panel,
    facts,
    connectPanel(api, s.name, said),
  );
  return { card, head, facts, update };
}

/** Takes away the cards of streams that the server no longer knows. */
function dropCardsBut(names: Set<string>): void {
  for (const [name, c] of cards) {
    if (!names.has(name)) {
      c.card.remove();
      cards.delete(name);
    }
  }
}

function show(s: Status): void {
  const now = s.now ?? Date.now();
  const streams = s.streams ?? [];
  for (const stream of streams) {
    showStream(stream, now);
  }
  dropCardsBut(new Set(streams.map((stream) => stream.name)));
  byId('none').hidden = streams.length > 0;
  byId('cluster').hidden = !s.cluster;
  byId('nodes').replaceChildren(nodesTable(s.cluster ?? {}, now));
  byId('machine').hidden = !s.machine?.devices;
  byId('devices').replaceChildren(devicesTable(s.machine ?? {}));
  byId('attempts').replaceChildren(attemptsTable(s.attempts ?? [], now));
  const up = s.startedAt ? `up ${clock((now - Date.parse(s.startedAt)) / 1000)}` : '';
  byId('node').textContent = [s.version, up, `${s.node?.cores ?? '–'} cores`, bytes(s.node?.memoryBytes)].filter(Boolean).join(' · ');
}

function enter(signedIn: boolean): void {
  byId('login').hidden = signedIn;
  byId('board').hidden = !signedIn;
  byId('leave').hidden = !signedIn;
  if (!signedIn) {
    byId('node').textContent = '';
    byId<HTMLInputElement>('token').focus();
  }
}

async function look(): Promise<void> {
  try {
    const status = await api.status();
    show(status);
    const problem = status.disk?.problem;
    byId('trouble').hidden = !problem;
    byId('trouble').textContent = problem
      ? `The disk is behind (${problem}): ${bytes(status.disk?.waiting)} are in memory alone, and a crash would lose them. Look at the free space and the health of the data directory's disk.`
      : '';
    enter(true);
  } catch (err) {
    if (err instanceof Unauthorized) {
      api.token = '';
      enter(false);
      byId('refused').textContent = 'The server refused this token.';
      return;
    }
    byId('trouble').hidden = false;
    byId('trouble').textContent = 'The server does not answer. Trying again…';
  }
}

async function run(): Promise<void> {
  for (;;) {
    if (api.token && !document.hidden) {
      await look();
    }
    await new Promise((done) => setTimeout(done, every));
  }
}

document.querySelector('.brand .mark')!.outerHTML = mark;
byId('login').addEventListener('submit', (e) => {
  e.preventDefault();
  byId('refused').textContent = '';
  api.token = byId<HTMLInputElement>('token').value.trim();
  byId<HTMLInputElement>('token').value = '';
  void look();
});
byId('leave').addEventListener('click', () => {
  api.token = '';
  enter(false);
});
enter(api.token !== '');
void run();
