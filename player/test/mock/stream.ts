import { fragment, type Rung, type Track } from './media';

const segmentSeconds = 2;
const partTarget = 0.5;
const windowSeconds = 40;
const pipeline = 0.2; // s from the end of a part to its listing

interface Part {
  k: number;
  start: number; // Unix s
  end: number;
}

/** A span of Unix seconds in which the broadcaster was there; whole segments. */
export interface OnAir {
  from: number;
  to: number;
}

/**
 * A live stream without an encoder: media time is Unix time, so what is listed and every byte follow from the clock and from
 * the spans in which the broadcaster was on air.
 */
export class MockStream {
  onAir: OnAir[] = [];
  ended = false;

  constructor(
    readonly rungs: Rung[],
    readonly audio: Track,
  ) {}

  /** Goes on air as of `ago` seconds before now. */
  begin(ago = 0): void {
    const from = Math.ceil((now() - ago) / segmentSeconds) * segmentSeconds;
    this.onAir.push({ from, to: Infinity });
    this.ended = false;
  }

  /** The broadcaster is lost at the next segment boundary. */
  interrupt(): void {
    this.onAir.at(-1)!.to = Math.ceil(now() / segmentSeconds) * segmentSeconds;
  }

  multivariant(): string {
    const lines = ['#EXTM3U', '#EXT-X-VERSION:6', '#EXT-X-INDEPENDENT-SEGMENTS'];
    lines.push('#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio",NAME="Sound",LANGUAGE="und",DEFAULT=YES,AUTOSELECT=YES,CHANNELS="2",URI="audio/index.m3u8"');
    for (const r of this.rungs) {
      lines.push(
        `#EXT-X-STREAM-INF:BANDWIDTH=${r.bandwidth},AVERAGE-BANDWIDTH=${r.bandwidth},CODECS="avc1.4d401f,mp4a.40.2",RESOLUTION=${r.width}x${r.height},FRAME-RATE=30.000,AUDIO="audio"`,
        `${r.name}/index.m3u8`,
      );
    }
    return lines.join('\n') + '\n';
  }

  track(name: string): Track | undefined {
    return [...this.rungs, this.audio].find((t) => t.name === name);
  }

  /** Bytes of `init.mp4`, `s<msn>.m4s` or `p<k>.m4s`; undefined where there are none yet or any more. */
  object(track: Track, name: string): Buffer | undefined {
    if (name === 'init.mp4') {
      return track.init;
    }
    const match = /^([sp])(\d+)\.m4s$/.exec(name);
    if (!match) {
      return undefined;
    }
    const n = Number(match[2]);
    const parts = match[1] === 'p' ? [part(track, n)] : segmentParts(track, n);
    return parts.every((p) => this.has(p) && p.end + pipeline <= now()) ? Buffer.concat(parts.map((p) => fragment(track, p.k))) : undefined;
  }

  /** Whether part `index` of segment `msn` (or what comes after it) is listed. */
  reached(track: Track, msn: number, index: number): boolean {
    const parts = segmentParts(track, msn);
    if (index >= parts.length) {
      return this.reached(track, msn + 1, 0);
    }
    const edge = now() - pipeline;
    return this.has(parts[0]!) ? parts[index]!.end <= edge : (msn + 1) * segmentSeconds + 0.9 <= edge;
  }

  playlist(track: Track): string {
    const edge = now() - pipeline;
    const begun = this.onAir[0]!.from / segmentSeconds;
    const last = Math.floor(edge / segmentSeconds);
    const first = Math.max(begun, last - windowSeconds / segmentSeconds);
    const lines = [
      '#EXTM3U',
      '#EXT-X-VERSION:6',
      `#EXT-X-TARGETDURATION:${segmentSeconds}`,
      `#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=${3 * partTarget},HOLD-BACK=${3 * segmentSeconds}`,
      `#EXT-X-PART-INF:PART-TARGET=${partTarget}`,
      `#EXT-X-MEDIA-SEQUENCE:${first}`,
      '#EXT-X-DISCONTINUITY-SEQUENCE:0',
      '#EXT-X-MAP:URI="init.mp4"',
    ];
    let n = first;
    while (this.segment(lines, track, n, edge, n > last - 4)) {
      n++;
    }
    const next = segmentParts(track, n).find((p) => p.end > edge) ?? segmentParts(track, n + 1)[0]!;
    lines.push(this.ended ? '#EXT-X-ENDLIST' : `#EXT-X-PRELOAD-HINT:TYPE=PART,URI="p${next.k}.m4s"`);
    return lines.join('\n') + '\n';
  }

  /** Writes segment n as far as it is there; reports whether it is whole. */
  private segment(lines: string[], track: Track, n: number, edge: number, withParts: boolean): boolean {
    const parts = segmentParts(track, n);
    const date = `#EXT-X-PROGRAM-DATE-TIME:${new Date(parts[0]!.start * 1000).toISOString()}`;
    if (!this.has(parts[0]!)) {
      if (this.ended || (n + 1) * segmentSeconds + 0.9 > edge) {
        return false;
      }
      lines.push(date, '#EXT-X-GAP', `#EXTINF:${segmentSeconds},`, `s${n}.m4s`);
      return true;
    }
    const listed = parts.filter((p) => p.end <= edge);
    if (listed.length === 0) {
      return false;
    }
    if (this.onAir.some((a) => a !== this.onAir[0] && a.from === n * segmentSeconds)) {
      lines.push('#EXT-X-DISCONTINUITY', '#EXT-X-MAP:URI="init.mp4"');
    }
    lines.push(date);
    for (const p of withParts ? listed : []) {
      const independent = p === parts[0] || track === this.audio ? ',INDEPENDENT=YES' : '';
      lines.push(`#EXT-X-PART:DURATION=${(p.end - p.start).toFixed(6)},URI="p${p.k}.m4s"${independent}`);
    }
    if (listed.length < parts.length) {
      return false;
    }
    lines.push(`#EXTINF:${(parts.at(-1)!.end - parts[0]!.start).toFixed(6)},`, `s${n}.m4s`);
    return true;
  }

  private has(p: Part): boolean {
    const slot = Math.floor(p.start / segmentSeconds + 1e-9) * segmentSeconds;
    return this.onAir.some((a) => slot >= a.from && slot < a.to);
  }
}

export function now(): number {
  return Date.now() / 1000;
}

function part(track: Track, k: number): Part {
  const length = track.ticks / track.clockRate;
  return { k, start: k * length, end: (k + 1) * length };
}

function segmentParts(track: Track, n: number): Part[] {
  const length = track.ticks / track.clockRate;
  const parts: Part[] = [];
  for (let k = Math.ceil((n * segmentSeconds) / length - 1e-6); k * length < (n + 1) * segmentSeconds - 1e-6; k++) {
    parts.push(part(track, k));
  }
  return parts;
}
