import Hls, { type ErrorData, type LevelDetails } from 'hls.js';
import { Backoff } from './backoff';
import { initialEstimate, rememberEstimate } from './estimate';
import { aheadOf, jumpTarget, rescue } from './holes';
import { LatencyController } from './latency';
import { hlsOptions } from './options';
import { Playhead } from './playhead';
import { holdBack, lateness, listedMedia, liveEdge, livePosition, spansOf } from './window';

const tickEvery = 250; // ms
const rejoinWithin = 3; // s behind the target from which a paused viewer is taken back to the live edge
const recoverPause = 10_000; // ms: a second media error this soon needs a new instance
const startsBeforeRebuild = 3;

/** Counters since the element was made. */
export interface EngineStats {
  stalls: number;
  rateChanges: number;
  /** Changes of the rung that is shown. */
  switches: number;
  /** Frames dropped by the decoder. */
  dropped: number;
  /** Holes that playback jumped over. */
  jumps: number;
  /** Seeks to the live edge because playback was too far behind. */
  resyncs: number;
  /** Instances of hls.js thrown away after an error or a change of tracks. */
  rebuilds: number;
}

/**
 * Plays one live playlist in one video element, for as long as it takes: keeps near the live edge, jumps over holes, and
 * starts again after any error. Uses hls.js wherever there is Media Source, the browser's own HLS only where there is none.
 *
 * `changed` is called after everything the page may want to show.
 */
export class Engine {
  hls: Hls | undefined;
  /** The viewer wants the live edge: has neither paused for long nor seeked back. */
  following = true;
  /** Called before a source is thrown away, while its picture can still be copied. */
  willRebuild: () => void = () => {};
  readonly playhead: Playhead;
  readonly latencyControl = new LatencyController();
  private readonly counts = { rateChanges: 0, switches: 0, jumps: 0, resyncs: 0, rebuilds: 0 };
  private readonly backoff = new Backoff(500, 8000);
  private timer: ReturnType<typeof setInterval> | undefined;
  private retryTimer: ReturnType<typeof setTimeout> | undefined;
  private recoveredAt = -Infinity;
  private rescuedAt = -Infinity;
  private starts = 0;

  constructor(
    private readonly video: HTMLVideoElement,
    private readonly url: string,
    private readonly changed: () => void,
  ) {
    this.playhead = new Playhead(video);
  }

  static get supported(): boolean {
    return Hls.isSupported() || document.createElement('video').canPlayType('application/vnd.apple.mpegurl') !== '';
  }

  get stats(): EngineStats {
    const dropped = this.video.getVideoPlaybackQuality?.().droppedVideoFrames ?? 0;
    return { ...this.counts, stalls: this.playhead.stalls, dropped };
  }

  /** Loads the playlist and plays it. Call once. */
  start(): void {
    this.video.addEventListener('play', this.onPlay);
    this.video.addEventListener('error', this.onNativeError);
    this.timer = setInterval(this.tick, tickEvery);
    this.build(true);
  }

  destroy(): void {
    clearInterval(this.timer);
    clearTimeout(this.retryTimer);
    this.video.removeEventListener('play', this.onPlay);
    this.video.removeEventListener('error', this.onNativeError);
    this.tearDown();
  }

  /** Throws the source away and loads it anew: the tracks changed, a new broadcast began, or an error left no other way. */
  rebuild(): void {
    const paused = this.playhead.motion === 'paused';
    this.counts.rebuilds++;
    this.willRebuild();
    this.tearDown();
    this.build(!paused);
  }

  /** The server says there is something to play: do not wait for the next retry. */
  kick(): void {
    if (this.retryTimer !== undefined) {
      this.backoff.reset();
      this.rebuild();
    }
  }

  /** Goes to the live edge and stays with it. */
  goLive(): void {
    this.following = true;
    const position = this.livePosition;
    if (position !== undefined) {
      this.seek(position);
    }
    this.play();
  }

  /** The viewer seeks by `delta` seconds inside the window. */
  seekBy(delta: number): void {
    const details = this.hls?.latestLevelDetails;
    const position = this.livePosition;
    if (!details || position === undefined) {
      return;
    }
    const wanted = this.video.currentTime + delta;
    if (wanted >= position) {
      this.goLive();
      return;
    }
    this.following = false;
    this.seek(Math.max(wanted, details.fragmentStart + details.targetduration));
  }

  /** A tab that was hidden is seen again: timers slept, so catch up at once instead of slowly. */
  resync(): void {
    const behind = this.behind;
    if (this.following && !this.video.paused && behind !== undefined && behind > 1.5) {
      this.counts.resyncs++;
      this.goLive();
    }
  }

  /** Seconds behind where a viewer of the live edge should be; undefined before there is a playlist. */
  get behind(): number | undefined {
    const details = this.hls?.latestLevelDetails;
    return details ? liveEdge(details) - this.video.currentTime - this.latencyControl.target : undefined;
  }

  /** Date of the frame that is shown, in Unix milliseconds on the broadcaster's side; undefined where it is not known. */
  get playingDate(): number | undefined {
    if (this.hls) {
      return this.hls.playingDate?.getTime();
    }
    const start = (this.video as { getStartDate?: () => Date }).getStartDate?.().getTime();
    return start ? start + this.video.currentTime * 1000 : undefined;
  }

  private get livePosition(): number | undefined {
    if (this.hls) {
      const details = this.hls.latestLevelDetails;
      return details ? livePosition(details, this.latencyControl.target) : undefined;
    }
    const { seekable } = this.video;
    return seekable.length > 0 ? seekable.end(seekable.length - 1) : undefined;
  }

  private build(play: boolean): void {
    this.playhead.reset(performance.now());
    this.latencyControl.reset();
    if (!Hls.isSupported()) {
      this.video.src = this.url;
      if (play) {
        this.play();
      }
      return;
    }
    const hls = new Hls(hlsOptions(initialEstimate()));
    this.hls = hls;
    hls.on(Hls.Events.ERROR, (_, data) => this.onError(hls, data));
    if (play) {
      hls.on(Hls.Events.MANIFEST_PARSED, () => this.play());
    }
    hls.on(Hls.Events.LEVEL_UPDATED, (_, { details }) => this.latencyControl.setHoldBack(holdBack(details)));
    hls.on(Hls.Events.FRAG_BUFFERED, () => this.onProgress(hls));
    hls.on(Hls.Events.LEVEL_SWITCHED, () => this.counts.switches++);
    for (const event of [
      Hls.Events.LEVEL_SWITCHED,
      Hls.Events.LEVELS_UPDATED,
      Hls.Events.MANIFEST_PARSED,
      Hls.Events.AUDIO_TRACKS_UPDATED,
      Hls.Events.AUDIO_TRACK_SWITCHED,
    ] as const) {
      hls.on(event, this.changed);
    }
    hls.loadSource(this.url);
    hls.attachMedia(this.video);
  }

  private tearDown(): void {
    clearTimeout(this.retryTimer);
    this.retryTimer = undefined;
    this.hls?.destroy();
    this.hls = undefined;
  }

  private play(): void {
    this.video.play().catch((e: unknown) => {
      // Sound needs a gesture first; a picture does not.
      if (e instanceof DOMException && e.name === 'NotAllowedError' && !this.video.muted) {
        this.video.muted = true;
        this.video.play().catch(() => this.changed());
        this.changed();
      }
    });
  }

  private seek(position: number): void {
    this.playhead.jump();
    this.latencyControl.jumped();
    this.video.currentTime = position;
  }

  private readonly onPlay = (): void => {
    const behind = this.behind;
    const details = this.hls?.latestLevelDetails;
    if (behind === undefined || !details || this.playhead.motion !== 'paused') {
      return;
    }
    if (this.video.currentTime < details.fragmentStart) {
      this.goLive(); // the window moved past the place where it was paused
    } else {
      this.following = behind < rejoinWithin;
    }
  };

  private readonly tick = (): void => {
    const now = performance.now();
    this.playhead.tick(now);
    const { motion } = this.playhead;
    if (motion === 'moving' || motion === 'dry') {
      this.keepLatency(now);
    }
    if (motion !== 'moving') {
      this.leaveHole(now);
    }
    this.changed();
  };

  private keepLatency(now: number): void {
    const details = this.hls?.latestLevelDetails;
    if (!details) {
      return;
    }
    const { video } = this;
    const decision = this.latencyControl.update({
      now,
      latency: liveEdge(details) - video.currentTime,
      late: lateness(details, video.currentTime + aheadOf(spansOf(video.buffered), video.currentTime)),
      following: this.following && details.live,
    });
    if (this.playhead.motion === 'dry') {
      return; // only to learn: a playhead that stands is leaveHole's
    }
    if (decision.seek) {
      this.counts.resyncs++;
      this.goLive();
    }
    if (video.playbackRate !== decision.rate) {
      this.counts.rateChanges++;
      video.playbackRate = decision.rate;
    }
  }

  private leaveHole(now: number): void {
    const details = this.hls?.latestLevelDetails;
    if (!details || this.playhead.motion === 'paused' || this.rescued(now, details)) {
      return;
    }
    const target = jumpTarget({
      time: this.video.currentTime,
      stalledFor: this.playhead.stalledFor(now),
      seeking: this.video.seeking,
      buffered: spansOf(this.video.buffered),
      listed: listedMedia(details),
      livePosition: livePosition(details, this.latencyControl.target),
    });
    if (target !== undefined) {
      this.counts.jumps++;
      this.seek(target);
    }
  }

  private rescued(now: number, details: LevelDetails): boolean {
    const what = rescue({
      stalledFor: this.playhead.stalledFor(now),
      rescuedAgo: now - this.rescuedAt,
      following: this.following && details.live,
      beyond: (listedMedia(details).at(-1)?.end ?? 0) - this.video.currentTime,
    });
    if (what === undefined) {
      return false;
    }
    this.rescuedAt = now;
    if (what === 'rebuild') {
      this.rebuild();
    } else {
      this.counts.resyncs++;
      this.goLive();
    }
    return true;
  }

  private onProgress(hls: Hls): void {
    this.backoff.reset();
    this.starts = 0;
    if (hls.bandwidthEstimate > 0) {
      rememberEstimate(hls.bandwidthEstimate);
    }
  }

  private onError(hls: Hls, data: ErrorData): void {
    if (!data.fatal || hls !== this.hls) {
      return;
    }
    if (data.type === Hls.ErrorTypes.MEDIA_ERROR && performance.now() - this.recoveredAt > recoverPause) {
      this.recoveredAt = performance.now();
      hls.recoverMediaError();
      return;
    }
    const started = hls.levels.length > 0;
    if (data.type === Hls.ErrorTypes.NETWORK_ERROR && started && ++this.starts <= startsBeforeRebuild) {
      this.retry(() => hls.startLoad()); // keeps the last picture, which a new instance would not
      return;
    }
    this.starts = 0;
    this.retry(() => this.rebuild());
  }

  private readonly onNativeError = (): void => {
    if (!this.hls) {
      this.retry(() => this.rebuild());
    }
  };

  private retry(again: () => void): void {
    clearTimeout(this.retryTimer);
    this.retryTimer = setTimeout(() => {
      this.retryTimer = undefined;
      again();
    }, this.backoff.next());
    this.changed();
  }
}
