import { ago, clock } from '../../core/format';
import type { Cluster } from './api';
import { el, table } from './dom';

/** The nodes that encode, which streams each has since when and how it got them, and what waits for one with room. */
export function nodesTable(c: Cluster, now: number): HTMLElement {
  if (c.problem) {
    return el('p', { class: 'bad' }, `The registry does not answer: ${c.problem}. What runs goes on.`);
  }
  const workers = c.workers ?? [];
  const jobs = Object.entries(c.jobs ?? {});
  const held = (node: string) => jobs.filter(([, l]) => l.Owner === node).map(([stream]) => stream + since(c, stream, node, now));
  const without = Math.max(0, ...workers.map((w) => w.waiting ?? 0));
  const waits = (c.waiting ?? []).map((w) => `${w.stream} for ${clock((now - Date.parse(w.since)) / 1000)}`);
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
    waits.length ? el('p', { class: 'bad' }, `Encoded by nobody, as no node has room: ${waits.join(', ')}.`) : undefined,
    !waits.length && without ? el('p', { class: 'bad' }, `${without} waiting for a node with room.`) : undefined,
  );
}

/** " since 12 min ago (handed over)", where this node reads the stream from there. */
function since(c: Cluster, stream: string, node: string, now: number): string {
  const line = c.lines?.[stream];
  return line?.node === node ? ` since ${ago(now - Date.parse(line.since))}${line.move ? ` (${line.move})` : ''}` : '';
}
