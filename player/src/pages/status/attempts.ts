import { ago, clock } from '../../core/format';
import type { Attempt } from './api';
import { el, table } from './dom';

const shown = 20;

/** The last attempts to publish, with the reason that each ended or was refused for, and what to do about it. */
export function attemptsTable(attempts: Attempt[], now: number): HTMLElement {
  if (attempts.length === 0) {
    return el('p', { class: 'dim' }, 'None yet. Sessions that ended and attempts that were refused stand here, each with its reason.');
  }
  const rows = attempts.slice(0, shown).map((a) => [
    a.at ? ago(now - Date.parse(a.at)) : '–',
    a.stream || '–',
    `${(a.protocol ?? '').toUpperCase()} ${a.remote ?? ''}`,
    a.admitted ? `on air ${clock(a.seconds ?? 0)}` : 'refused',
    a.reason ? el('span', {}, el('strong', {}, a.reason), a.detail ? `: ${a.detail}` : '') : '',
    a.fix ?? '',
  ]);
  return table(['When', 'Stream', 'From', 'Outcome', 'Reason', 'What to do'], rows);
}
