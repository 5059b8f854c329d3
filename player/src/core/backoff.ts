/** Delays that double from `first` to `most` milliseconds, each spread by ±20 % so that many viewers do not come back at once. */
export class Backoff {
  private tries = 0;

  constructor(
    private readonly first: number,
    private readonly most: number,
    private readonly random: () => number = Math.random,
  ) {}

  /** Milliseconds to wait before the next try. */
  next(): number {
    const delay = Math.min(this.first * 2 ** this.tries, this.most);
    this.tries++;
    return spread(delay, this.random);
  }

  reset(): void {
    this.tries = 0;
  }
}

/** A delay spread evenly over ±20 %. */
export function spread(ms: number, random: () => number = Math.random): number {
  return ms * (0.8 + 0.4 * random());
}
