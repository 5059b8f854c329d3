/** What the controller sees at one tick. All durations are in seconds, `now` in milliseconds of a monotonic clock. */
export interface LatencySample {
  now: number;
  /** Distance of the playhead from the live edge. */
  latency: number;
  /** Media buffered ahead of the playhead without a hole. */
  buffer: number;
  /** The playhead moves, and the viewer wants the live edge: not paused, not seeked back. */
  following: boolean;
}

/** What to do: play at `rate`, and first seek to the live edge where `seek` is set. */
export interface LatencyDecision {
  rate: number;
  seek: boolean;
}

const behindBy = 0.75; // s above the target that are worth a correction
const behindFor = 2000; // ms it must last: one late part is no reason
const backWithin = 0.1; // s above the target at which the correction ends
const seekBeyond = 6; // s above the target: catching up at 1.05 would take two minutes
const fast = 1.05; // pitch is kept by the browser; more than 5 % is heard in music
const slow = 0.95;
const bufferLow = 0.3; // s: a stall is near
const bufferSafe = 0.5; // s
const safeFor = 2000; // ms: the buffer is a saw-tooth, one part high; its lowest point must be safe
const seekPause = 4000; // ms between two seeks, for the first to take effect
const stallStep = 0.5; // s that a stall adds to the target: this network needs more
const stallMost = 2; // s
const stallForgiven = 60_000; // ms without a stall that take one step back

/**
 * Keeps the distance to the live edge near the server's PART-HOLD-BACK with as few changes of the playback rate as it can:
 * a band instead of a set point, left only when it lasts, entered again only near the target.
 */
export class LatencyController {
  private rate = 1;
  private base = 0;
  private penalty = 0;
  private penaltySince = 0;
  private behindSince = 0;
  private lowAt = -Infinity;
  private seekAt = -Infinity;

  /** Distance to keep, in seconds: the server's hold-back plus what past stalls have taught. */
  get target(): number {
    return this.base + this.penalty;
  }

  /** Sets the server's PART-HOLD-BACK (or HOLD-BACK), in seconds. */
  setHoldBack(seconds: number): void {
    this.base = seconds;
  }

  /** Playback ran dry at `now`. */
  stalled(now: number): void {
    this.penalty = Math.min(this.penalty + stallStep, stallMost);
    this.penaltySince = now;
  }

  /** Forgets everything but the hold-back: a new source. */
  reset(): void {
    this.rate = 1;
    this.penalty = 0;
    this.behindSince = 0;
    this.lowAt = this.seekAt = -Infinity;
  }

  update(s: LatencySample): LatencyDecision {
    this.forgive(s.now);
    if (!s.following || this.base === 0) {
      this.rate = 1;
      this.behindSince = 0;
      return { rate: 1, seek: false };
    }
    const behind = s.latency - this.target;
    if (behind > seekBeyond) {
      return this.seek(s.now);
    }
    this.rate = this.nextRate(s, behind);
    return { rate: this.rate, seek: false };
  }

  private seek(now: number): LatencyDecision {
    this.rate = 1;
    this.behindSince = 0;
    if (now - this.seekAt < seekPause) {
      return { rate: 1, seek: false };
    }
    this.seekAt = now;
    return { rate: 1, seek: true };
  }

  private nextRate(s: LatencySample, behind: number): number {
    if (s.buffer < bufferLow) {
      this.lowAt = s.now;
      return slow;
    }
    if (s.buffer < bufferSafe && this.rate === slow) {
      this.lowAt = s.now;
    }
    if (this.rate === slow && s.now - this.lowAt < safeFor) {
      return slow;
    }
    if (this.rate === fast) {
      return behind > backWithin ? fast : this.normal();
    }
    if (behind <= behindBy) {
      return this.normal();
    }
    this.behindSince ||= s.now;
    return s.now - this.behindSince > behindFor ? fast : 1;
  }

  private normal(): number {
    this.behindSince = 0;
    return 1;
  }

  private forgive(now: number): void {
    if (this.penalty > 0 && now - this.penaltySince > stallForgiven) {
      this.penalty = Math.max(0, this.penalty - stallStep);
      this.penaltySince = now;
    }
  }
}
