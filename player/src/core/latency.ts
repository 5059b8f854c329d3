/** What the controller sees at one tick. All durations are in seconds, `now` in milliseconds of a monotonic clock. */
export interface LatencySample {
  now: number;
  /** Distance of the playhead from the live edge. */
  latency: number;
  /** How far the end of the buffer is behind what the server should have delivered by now. */
  late: number;
  /** The viewer wants the live edge, and the playhead moves or would if it could: not paused, not seeked back. */
  following: boolean;
}

/** What to do: play at `rate`, and first seek to the live edge where `seek` is set. */
export interface LatencyDecision {
  rate: number;
  seek: boolean;
}

const behindBy = 0.3; // s above the target that are worth a correction
const behindFor = 2000; // ms it must last: one late part is no reason
const aheadBy = 0.1; // s below the target that are a danger
const backWithin = 0.03; // s above the target at which catching up ends
const seekBeyond = 6; // s above the target: catching up at 1.05 would take two minutes
const seekPause = 4000; // ms between two seeks, for the first to take effect
const fast = 1.05; // pitch is kept by the browser; more than 5 % is heard in music
const slow = 0.95;

const margin = 0.25; // s that the buffer shall hold at its lowest
const caution = 0.25; // s above the hold-back to begin with: nothing is known of this network yet
const riseMost = 0.5; // s that one event adds: a single long outage is not what the network is like
const alike = 0.1; // s: what comes this near the target says that the target is still needed
const eventFor = 5000; // ms without a new low that end an event
const cushionMost = 2; // s
const remembered = 180_000; // ms for which the latest lateness counts in full
const forgetting = 0.25 / 60_000; // s per ms, after that
const settling = 3000; // ms in which a buffer that was just begun fills

/**
 * Keeps the distance to the live edge as near the server's PART-HOLD-BACK as the network has proved to allow: media as late
 * as the latest of the last minutes must still come before the buffer is empty. So the target moves away before there is a
 * stall, and comes back slowly.
 *
 * It changes the rate as rarely as it can: it acts only outside a band around the target, and then goes all the way.
 */
export class LatencyController {
  /** Distance to keep, in seconds. */
  target = 0;
  private base = 0;
  private rate = 1;
  private cushion = caution; // s above the base at cushionAt
  private cushionAt: number | undefined; // ms
  private riseTo = 0;
  private settledAt: number | undefined; // ms
  private behindSince = 0;
  private seekAt = -Infinity;

  /** Sets the server's PART-HOLD-BACK (or HOLD-BACK), in seconds. */
  setHoldBack(seconds: number): void {
    this.base = seconds;
    this.target = Math.max(this.target, seconds);
  }

  /** Forgets everything but the hold-back: a new source. */
  reset(): void {
    this.rate = 1;
    this.cushion = caution;
    this.cushionAt = this.settledAt = undefined;
    this.seekAt = -Infinity;
    this.behindSince = 0;
    this.target = this.base;
  }

  /** The playhead was put elsewhere: the buffer there is still filling, which says nothing of the network. */
  jumped(): void {
    this.settledAt = undefined;
  }

  update(s: LatencySample): LatencyDecision {
    if (!s.following || this.base === 0) {
      this.rate = 1;
      this.behindSince = 0;
      this.jumped();
      return { rate: 1, seek: false };
    }
    this.learn(s);
    const behind = s.latency - this.target;
    if (behind > seekBeyond) {
      return this.seek(s.now);
    }
    this.rate = this.nextRate(s.now, behind);
    return { rate: this.rate, seek: false };
  }

  private learn({ now, late }: LatencySample): void {
    this.cushionAt ??= now - remembered; // what is not known is not worth remembering
    this.settledAt ??= now + settling;
    this.target = this.base + Math.max(0, this.cushion - Math.max(0, now - this.cushionAt - remembered) * forgetting);
    const needed = late + margin;
    if (now < this.settledAt || needed <= this.base || needed < this.target - alike) {
      return;
    }
    if (now - this.cushionAt > eventFor) {
      this.riseTo = Math.min(this.target + riseMost, this.base + cushionMost);
    }
    this.target = Math.max(this.target, Math.min(needed, this.riseTo));
    this.cushion = this.target - this.base;
    this.cushionAt = now;
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

  private nextRate(now: number, behind: number): number {
    if (behind < -aheadBy || (this.rate === slow && behind < 0)) {
      this.behindSince = 0;
      return slow;
    }
    if (this.rate === fast && behind > backWithin) {
      return fast;
    }
    if (behind <= behindBy) {
      this.behindSince = 0;
      return 1;
    }
    this.behindSince ||= now;
    return now - this.behindSince > behindFor ? fast : 1;
  }
}
