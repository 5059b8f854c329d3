import { Backoff, spread } from './backoff';
import type { ServerClock } from './clock';
import { missingStatus, readStatus, type StreamStatus } from './status';

const timeoutMs = 5000;
const waitingEvery = 1000; // ms while the viewer waits for something to happen
const playingEvery = 5000; // ms while the picture moves
const hiddenFor = 60_000; // ms after which a hidden tab asks no more

/**
 * Asks the server for the status of one stream, as often as the viewer needs it: `eager` says whether that is now once a
 * second. Failures back off; a tab hidden for long stops asking, and asks at once when it is seen again.
 */
export class StatusPoll {
  /** Answers that failed in a row. */
  failures = 0;
  private readonly backoff = new Backoff(waitingEvery, 15_000);
  private timer: ReturnType<typeof setTimeout> | undefined;
  private hiddenSince = 0;
  private stopped = false;
  private asking = false;

  constructor(
    private readonly url: string,
    private readonly clock: ServerClock,
    private readonly eager: () => boolean,
    private readonly onStatus: (s: StreamStatus) => void,
    private readonly onFailure: () => void,
  ) {}

  start(): void {
    document.addEventListener('visibilitychange', this.onVisibility);
    addEventListener('online', this.askNow);
    this.askNow();
  }

  stop(): void {
    this.stopped = true;
    clearTimeout(this.timer);
    document.removeEventListener('visibilitychange', this.onVisibility);
    removeEventListener('online', this.askNow);
  }

  /** Something happened that only the server can explain: ask now, not at the next turn. */
  readonly askNow = (): void => {
    clearTimeout(this.timer);
    if (!this.asking) {
      void this.ask();
    }
  };

  private async ask(): Promise<void> {
    this.asking = true;
    try {
      const status = await this.fetch();
      this.failures = 0;
      this.backoff.reset();
      if (!this.stopped) {
        this.onStatus(status);
      }
    } catch {
      this.failures++;
      if (!this.stopped) {
        this.onFailure();
      }
    } finally {
      this.asking = false;
      this.schedule();
    }
  }

  private async fetch(): Promise<StreamStatus> {
    const sent = Date.now();
    const response = await fetch(this.url, { signal: AbortSignal.timeout(timeoutMs) });
    if (response.status === 404) {
      return missingStatus;
    }
    if (!response.ok) {
      throw new Error(`status ${response.status}`);
    }
    const received = Date.now();
    const status = readStatus(await response.json());
    this.clock.sample(status.now, sent, received);
    return status;
  }

  private schedule(): void {
    if (this.stopped || (document.hidden && Date.now() - this.hiddenSince > hiddenFor)) {
      return;
    }
    const delay = this.failures > 0 ? this.backoff.next() : spread(this.eager() ? waitingEvery : playingEvery);
    this.timer = setTimeout(this.askNow, delay);
  }

  private readonly onVisibility = (): void => {
    if (document.hidden) {
      this.hiddenSince = Date.now();
    } else {
      this.askNow();
    }
  };
}
