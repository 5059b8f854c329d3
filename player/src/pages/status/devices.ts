import { bytes } from '../../core/format';
import type { Machine, Trial } from './api';
import { el, table } from './dom';

/** What encodes on this machine and how fast, what does not, why, and what to do about it. */
export function devicesTable(m: Machine): HTMLElement {
  const devices = m.devices?.devices ?? [];
  if (devices.length === 0) {
    return el('p', { class: 'dim' }, 'Nothing has been tried yet.');
  }
  const rows = devices.flatMap((d) =>
    (d.trials ?? []).map((t, i) => {
      const load = m.load?.find((l) => l.device === d.id);
      const name = [d.name, d.cores && `${d.cores} cores`, d.memoryBytes && bytes(d.memoryBytes), d.driver && `driver ${d.driver}`];
      return [
        i === 0 ? el('span', {}, el('strong', {}, d.id), ` ${name.filter(Boolean).join(', ')}`) : '',
        i === 0 && load ? `${Math.round((load.share ?? 0) * 100)} %` : '',
        (t.codec ?? '').toUpperCase(),
        outcome(t),
        t.fix ?? '',
      ];
    }),
  );
  const slots = m.slotsFree ?? 0;
  const room = `Room for ${slots === 0 ? 'no more ladder' : slots === 1 ? 'one more ladder' : `${slots} more ladders`} of 1080p at 30 fps.`;
  return el('div', {}, table(['Device', 'Taken', 'Codec', 'Result', 'What to do'], rows), el('p', { class: 'dim' }, room));
}

function outcome(t: Trial): HTMLElement | string {
  if (!t.works) {
    return el('span', { title: t.detail ?? '' }, `No: ${t.reason ?? 'failed'}`);
  }
  const best = t.speeds?.[0];
  return best ? `Yes, ${Math.round((best.pixelsPerSecond ?? 0) / 1e6)} Mpx/s with ${best.preset}` : 'Yes';
}
