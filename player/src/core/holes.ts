/** A span of media time in seconds. */
export interface Span {
  start: number;
  end: number;
}

export interface HoleFacts {
  /** The playhead, s. */
  time: number;
  /** Milliseconds for which it has wanted to move and could not. */
  stalledFor: number;
  /** It is on its way to `time`, by a seek that has not ended. */
  seeking?: boolean;
  /** What the media element has, in order. */
  buffered: Span[];
  /** What the playlist lists with media (gaps left out, neighbours joined), in order. */
  listed: Span[];
  /** Where a viewer of the live edge should be, s. */
  livePosition: number;
}

const settleMs = 400; // hls.js closes small holes by itself within this time
const enoughAhead = 0.9; // s of media beyond a hole before it is worth jumping, or playback would run dry at once
const lostMs = 4000; // stalled this long although the playlist goes on: something was lost on the way
const edge = 0.3; // s: how far apart the tracks of a stream may begin and end
const inset = 0.05; // s: land inside the media, not on its edge

/**
 * Where the playhead must go to get out of a hole, or undefined to stay.
 *
 * While an encoder reconnects the playlist lists gaps. Playback stands at the first of them, and no download will ever fill
 * it: when there is media beyond, jump to it, as near to the live position as it reaches.
 */
export function jumpTarget(f: HoleFacts): number | undefined {
  if (f.stalledFor < settleMs) {
    return undefined;
  }
  // What is left of media that end here is no more to wait for: sound and picture do not end together either.
  const here = f.listed.find((s) => s.start <= f.time + inset && s.end > f.time + edge);
  if (f.seeking) {
    // What a seek waits for will come where media are listed. In a gap it never does, nor at the very edge of one, where the
    // pictures begin some milliseconds before the sound.
    const near = f.buffered.find((s) => s.start > f.time && s.start < f.time + edge && s.end - s.start >= enoughAhead);
    if (near || here) {
      return near && landing(near, f.livePosition);
    }
  }
  if (aheadOf(f.buffered, f.time) > 0.25) {
    return undefined;
  }
  const buffered = f.buffered.find((s) => s.start > f.time && s.end - s.start >= enoughAhead);
  if (buffered) {
    return landing(buffered, f.livePosition);
  }
  const last = f.listed.at(-1);
  const first = f.listed[0];
  if (!last || !first) {
    return undefined;
  }
  if (!here && last.start > f.time && last.end - last.start >= enoughAhead) {
    return landing(last, f.livePosition);
  }
  if (here && f.stalledFor > lostMs && last.end - f.time > lostMs / 1000) {
    return landing(last, f.livePosition);
  }
  return undefined;
}

export interface StuckFacts {
  /** Milliseconds for which the playhead has wanted to move and could not. */
  stalledFor: number;
  /** Milliseconds since the last rescue. */
  rescuedAgo: number;
  /** The viewer wants the live edge. */
  following: boolean;
  /** What is listed with media ends so far beyond the playhead, s. */
  beyond: number;
}

const stuckMs = 8000; // no network that is worth waiting for needs as long for a first part

/**
 * What to do for a viewer of the live edge whose playback stands though media go on, whatever the reason: first a seek to the live edge,
 * and if that does not help, a new start.
 */
export function rescue(f: StuckFacts): 'seek' | 'rebuild' | undefined {
  if (!f.following || f.stalledFor < stuckMs || f.rescuedAgo < stuckMs) {
    return undefined;
  }
  if (f.beyond < lostMs / 1000) {
    return undefined; // nothing has come that it could play
  }
  return f.stalledFor < 2 * stuckMs ? 'seek' : 'rebuild';
}

/** Seconds of media from `time` on without a hole. */
export function aheadOf(spans: Span[], time: number): number {
  const here = spans.find((s) => s.start - inset <= time && s.end > time);
  return here ? here.end - time : 0;
}

/** Joins neighbours that touch, within `slack` seconds. */
export function join(spans: Span[], slack = 0.1): Span[] {
  const out: Span[] = [];
  for (const s of spans) {
    const last = out.at(-1);
    if (last && s.start - last.end <= slack) {
      last.end = Math.max(last.end, s.end);
    } else {
      out.push({ ...s });
    }
  }
  return out;
}

function landing(s: Span, livePosition: number): number {
  return Math.max(s.start + inset, Math.min(livePosition, s.end - enoughAhead));
}
