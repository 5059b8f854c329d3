import type { Playhead as Motion } from './view';

const dryAfter = 350; // ms without motion: more than a tick, less than a viewer notices

/** Watches a media element's playhead: does it move, since when not, how often did it run dry. Call tick a few times a second. */
export class Playhead {
  motion: Motion = 'blank';
  stalls = 0;
  private time = -1;
  private movedAt = 0;
  private jumping = false;

  constructor(private readonly video: HTMLVideoElement) {}

  /** Milliseconds for which the playhead has wanted to move and could not. */
  stalledFor(now: number): number {
    return this.motion === 'moving' || this.motion === 'paused' ? 0 : now - this.movedAt;
  }

  /** A seek of ours begins: the pause that it makes is no stall of the network. */
  jump(): void {
    this.jumping = true;
  }

  /** Starts over: a new source. */
  reset(now: number): void {
    this.motion = 'blank';
    this.time = this.video.currentTime;
    this.movedAt = now;
    this.jumping = true;
  }

  tick(now: number): void {
    const { video } = this;
    const moved = video.currentTime !== this.time && !video.seeking && video.readyState >= 2;
    this.time = video.currentTime;
    if (video.ended) {
      this.motion = 'dry'; // which sets paused too, though nobody has paused
      return;
    }
    if (video.paused) {
      this.motion = this.motion === 'blank' && video.readyState < 2 ? 'blank' : 'paused';
      this.movedAt = now;
      return;
    }
    if (moved) {
      this.motion = 'moving';
      this.movedAt = now;
      this.jumping = false;
      return;
    }
    if (this.motion === 'paused') {
      this.motion = 'dry';
    }
    if (this.motion === 'moving' && now - this.movedAt > dryAfter) {
      this.motion = 'dry';
      if (!this.jumping) {
        this.stalls++;
      }
    }
  }
}
