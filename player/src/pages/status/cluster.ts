import { ago, clock } from '../../core/format';
import type { Cluster, Worker } from './api';
import { el, table } from './dom';

/** Which nodes encode, what each has, and what waits for one with room. */
export function clusterTables(c: Cluster, now: number): HTMLElement {
  const workers = c.workers ?? [];
  const parts: HTMLElement[] = [];
  if (c.problem) {
    parts.push(el('p', { class: 'bad' }, `The registry does not answer, and nothing new is placed: ${c.problem}`));
  }
  const waiting = c.waiting ?? [];
  if (waiting.length > 0) {
    const list = waiting.map((w) => `${w.stream} for ${clock((now - Date.parse(w.since)) / 1000)}`).join(', ');
    parts.push(el('p', { class: 'bad' }, `Encoded by nobody, as no node has room: ${list}.`));
  }
  parts.push(
    workers.length === 0
      ? el('p', { class: 'dim' }, 'No node of the cluster encodes.')
      : table(
          ['Node', 'State', 'Taken', 'Streams', 'Taken over from it'],
          workers.map((w) => [w.node === c.node ? `${w.node} (this one)` : w.node, state(w), share(w), streams(c, w, now), String(w.fenced ?? 0)]),
        ),
  );
  return el('div', {}, ...parts);
}

function state(w: Worker): string {
  if (w.problem) {
    return `Cut off: ${w.problem}`;
  }
  return w.draining ? 'Giving its streams away' : 'Taking streams';
}

function share(w: Worker): string {
  return `${Math.round((w.load ?? 0) * 100)} %`;
}

/** "live since 12 min ago (taken over)" for each stream that a node has a lease of. */
function streams(c: Cluster, w: Worker, now: number): string {
  return Object.entries(c.jobs ?? {})
    .filter(([, lease]) => lease.owner === w.node)
    .sort()
    .map(([stream]) => {
      const line = c.lines?.[stream];
      const since = line?.node === w.node ? ` since ${ago(now - Date.parse(line.since))}${line.move ? ` (${line.move})` : ''}` : '';
      return stream + since;
    })
    .join(', ');
}
