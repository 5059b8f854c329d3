/** Exponentially weighted mean in which a sample's weight halves after `halfLife` further samples. */
class Mean {
  private sum = 0;
  private weight = 0;
  private readonly keep: number;

  constructor(halfLife: number) {
    this.keep = 0.5 ** (1 / halfLife);
  }

  add(value: number): void {
    this.sum = this.sum * this.keep + value;
    this.weight = this.weight * this.keep + 1;
  }

  get count(): number {
    return this.weight;
  }

  get value(): number {
    return this.sum / this.weight;
  }
}

const fastHalfLife = 4; // samples: about 2 s of half-second parts
const slowHalfLife = 12; // about 6 s
const leastMs = 1; // a part out of a cache takes no time at all
const ceiling = 200e6; // bit/s: what such a part would otherwise claim has no meaning
const ttfbMostMs = 2000; // a request that the server held says nothing about the network

/**
 * Bandwidth from the download times of parts, for hls.js's AbrController (the methods are those it calls).
 *
 * Parts arrive at a fixed pace and take a few milliseconds each, so samples count by number, not by the time they took:
 * weighted by time, ten slow seconds outweigh minutes of fast parts, and a player stays on its lowest rung long after the
 * network has recovered. The mean is of times per bit (a harmonic mean of rates), so one part out of a cache cannot lift it.
 */
export class PartBandwidth {
  private readonly fast = new Mean(fastHalfLife);
  private readonly slow = new Mean(slowHalfLife);
  private readonly ttfb = new Mean(slowHalfLife);

  /** `initial` is the estimate in bit/s before the first sample. */
  constructor(readonly defaultEstimate: number) {}

  sample(durationMs: number, bytes: number): void {
    if (bytes <= 0 || !Number.isFinite(durationMs)) {
      return;
    }
    const bits = 8 * bytes;
    const seconds = Math.max(durationMs, leastMs) / 1000;
    const secondsPerBit = Math.max(seconds / bits, 1 / ceiling);
    this.fast.add(secondsPerBit);
    this.slow.add(secondsPerBit);
  }

  sampleTTFB(ms: number): void {
    if (Number.isFinite(ms)) {
      this.ttfb.add(Math.min(Math.max(ms, 5), ttfbMostMs));
    }
  }

  canEstimate(): boolean {
    return this.fast.count >= 1;
  }

  getEstimate(): number {
    return this.canEstimate() ? 1 / Math.max(this.fast.value, this.slow.value) : this.defaultEstimate;
  }

  getEstimateTTFB(): number {
    return this.ttfb.count >= 1 ? this.ttfb.value : 100;
  }

  /** hls.js sets its half-lives here, in seconds of transfer time, which this estimate does not use. */
  update(): void {}

  destroy(): void {}
}
