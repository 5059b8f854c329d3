import type { Cluster } from './api';
import { el, table } from './dom';

/** The nodes that encode, and which streams each has. */
export function nodesTable(c: Cluster): HTMLElement {
  if (c.problem) {
    return el('p', { class: 'bad' }, `The registry does not answer: ${c.problem}. What runs goes on.`);
  }
  const workers = c.workers ?? [];
  const jobs = Object.entries(c.jobs ?? {});
  const held = (node: string) => jobs.filter(([, l]) => l.Owner === node).map(([stream]) => stream);
  const without = Math.max(0, ...workers.map((w) => w.waiting ?? 0));
  const rows = workers.map((w) => [
    el('strong', {}, w.node),
    w.url ?? '',
    held(w.node).sort().join(', ') || 'none',
    `${Math.round((w.load ?? 0) * 100)} %`,
    w.problem ? 'has lost the registry' : w.draining ? 'gives its streams away' : 'takes streams',
  ]);
  return el(
    'div',
    {},
    workers.length ? table(['Node', 'Address', 'Encodes', 'Taken', 'State'], rows) : el('p', { class: 'bad' }, 'No node encodes: start one with --role transcode.'),
    without ? el('p', { class: 'bad' }, `${without} waiting for a node with room.`) : undefined,
  );
}
