const remembered = 8; // samples

/**
 * The server's clock as seen from here: each answer that carries the server's time gives one guess of the offset.
 *
 * An answer that waited in a cache carries a time that is too old, never too new, so the greatest recent guess is the best.
 */
export class ServerClock {
  private offsets: number[] = [];

  /** `server` is the time in the answer, `sent` and `received` are this machine's clock; all in Unix milliseconds. */
  sample(server: number, sent: number, received: number): void {
    if (!Number.isFinite(server) || server <= 0) {
      return;
    }
    this.offsets.push(server - (sent + received) / 2);
    if (this.offsets.length > remembered) {
      this.offsets.shift();
    }
  }

  /** Unix milliseconds on the server's clock when this machine's says `local`. */
  at(local: number): number {
    return this.offsets.length === 0 ? local : local + Math.max(...this.offsets);
  }
}
