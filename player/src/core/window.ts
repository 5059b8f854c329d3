import type { LevelDetails } from 'hls.js';
import { join, type Span } from './holes';

/** What a playlist lists with media, in media time: gaps are left out and neighbours joined. */
export function listedMedia(details: LevelDetails): Span[] {
  const spans: Span[] = [];
  for (const f of details.fragments) {
    if (!f.gap) {
      spans.push({ start: f.start, end: f.end });
    }
  }
  for (const p of details.partList ?? []) {
    if (!p.gap && p.fragment.sn > details.endSN) {
      spans.push({ start: p.start, end: p.end });
    }
  }
  return join(spans);
}

/** The server's PART-HOLD-BACK, or what stands for it in a playlist without parts; s. */
export function holdBack(details: LevelDetails): number {
  return details.partHoldBack || details.holdBack || 3 * details.targetduration;
}

/** The live edge right now, s: it went on since the playlist was loaded. */
export function liveEdge(details: LevelDetails): number {
  return details.edge + Math.min(details.age, details.targetduration);
}

/** How far a buffer that ends at `end` is behind the media that the server should have delivered by now, s. */
export function lateness(details: LevelDetails, end: number): number {
  const listed = listedMedia(details).at(-1)?.end ?? details.edge; // not the edge: where gaps are listed, nothing is late
  return Math.max(0, listed - end) + Math.min(details.age, details.targetduration);
}

/** Media time `target` seconds behind the live edge, inside what is listed. */
export function livePosition(details: LevelDetails, target: number): number {
  const last = listedMedia(details).at(-1) ?? { start: details.fragmentStart, end: details.edge };
  const wanted = liveEdge(details) - target;
  return Math.max(last.start, Math.min(wanted, last.end - (details.partTarget || details.targetduration)));
}

export function spansOf(ranges: TimeRanges): Span[] {
  return Array.from({ length: ranges.length }, (_, i) => ({ start: ranges.start(i), end: ranges.end(i) }));
}
