const holdAtFirst = 8000; // ms
const holdAtMost = 60_000; // ms
const settle = 2500; // ms from the start: a first part or two prove little, and a switch delays the first picture
const failedWithin = 15_000; // ms: a step down this soon after a step up says the step up was wrong

/**
 * Decides whether a step up the ladder may be taken now. Steps down are always taken at once; after one, the next step up
 * waits, and each time a step up turns out wrong the wait doubles. So a network just below a rung is tried ever more
 * rarely, instead of every few seconds.
 */
export class SwitchGuard {
  private hold = 0;
  private startedAt = Infinity;
  private downAt = -Infinity;
  private upAt = -Infinity;

  /** The rung to load next, given the rung loading now and the one that the bandwidth suggests; `now` in ms. */
  choose(current: number, suggested: number, now: number): number {
    this.startedAt = Math.min(this.startedAt, now);
    if (current < 0 || suggested <= current) {
      return suggested;
    }
    return now - this.startedAt < settle || now - this.downAt < this.hold ? current : suggested;
  }

  /** A switch from one rung to another has begun. */
  switched(from: number, to: number, now: number): void {
    if (from < 0 || from === to) {
      return;
    }
    if (to > from) {
      this.upAt = now;
      return;
    }
    const wrong = now - this.upAt < failedWithin;
    this.hold = wrong ? Math.min(Math.max(this.hold * 2, holdAtFirst), holdAtMost) : holdAtFirst;
    this.downAt = now;
  }
}
