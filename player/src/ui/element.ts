import 'media-chrome/dist/media-controller.js';
import 'media-chrome/dist/media-control-bar.js';
import 'media-chrome/dist/media-play-button.js';
import 'media-chrome/dist/media-mute-button.js';
import 'media-chrome/dist/media-volume-range.js';
import 'media-chrome/dist/media-pip-button.js';
import 'media-chrome/dist/media-fullscreen-button.js';
import type Hls from 'hls.js';
import { ServerClock } from '../core/clock';
import { Engine, type EngineStats } from '../core/engine';
import { StatusPoll } from '../core/poll';
import type { StreamStatus } from '../core/status';
import { view, words, type ServerState, type View } from '../core/view';
import { Captions } from './captions';
import { handleKey, type KeyActions } from './keys';
import { liveButton } from './live';
import { chooseAudio, chooseQuality, updateAudio, updateQuality } from './menus';
import './menu';
import type { PopupMenu } from './menu';
import css from './player.css?inline';
import { showStill } from './still';
import { template } from './template';

const sheet = new CSSStyleSheet();
sheet.replaceSync(css);

const offlineAfter = 2; // answers of the server that fail in a row
const firstPicture = 'stagecast:first-picture';

/**
 * `<stagecast-player stream="NAME">` plays the stream of this name from the page's own server; with `src` instead, the
 * multivariant playlist at that URL, with its `status.json` beside it. `poster` is a picture to show before the first.
 *
 * Dispatches `stagecast-state` when `state` changes and `stagecast-status` (detail: StreamStatus) with every answer of the
 * server, and sets the performance mark `stagecast:first-picture`.
 */
export class StagecastPlayer extends HTMLElement implements KeyActions {
  /** What the viewer is told. */
  state: View = 'loading';
  private readonly root = this.attachShadow({ mode: 'open' });
  private readonly clock = new ServerClock();
  private video!: HTMLVideoElement;
  private controller!: HTMLElement;
  private engine: Engine | undefined;
  private poll: StatusPoll | undefined;
  private captions!: Captions;
  private server: ServerState = 'unknown';
  private generation = 0;
  private seen = false;
  private autoMuted = false;
  private frame = 0;

  constructor() {
    super();
    this.root.adoptedStyleSheets = [sheet];
    this.root.append(template.content.cloneNode(true));
    this.video = this.find('video');
    this.controller = this.find('media-controller');
    this.captions = new Captions(this.video, this.find<PopupMenu>('.captions'));
    this.wire();
  }

  /** The hls.js instance that plays now; undefined where the browser's own HLS does. */
  get hls(): Hls | undefined {
    return this.engine?.hls;
  }

  /** Seconds from the broadcaster's lens to the viewer's screen, as far as it can be known; undefined before it plays. */
  get latency(): number | undefined {
    const date = this.engine?.playingDate;
    return date === undefined || !this.seen ? undefined : (this.clock.at(Date.now()) - date) / 1000;
  }

  get stats(): EngineStats | undefined {
    return this.engine?.stats;
  }

  connectedCallback(): void {
    const source = this.source();
    if (!source || this.engine) {
      return;
    }
    this.showPoster();
    if (!Engine.supported) {
      this.render();
      return;
    }
    this.engine = new Engine(this.video, source, () => this.requestRender());
    this.engine.willRebuild = () => this.keepPicture();
    this.poll = new StatusPoll(
      new URL('status.json', source).href,
      this.clock,
      () => this.state !== 'live' && this.state !== 'paused',
      (s) => this.onStatus(s),
      () => this.requestRender(),
    );
    document.addEventListener('keydown', this.onKey);
    document.addEventListener('visibilitychange', this.onVisibility);
    this.engine.start();
    this.poll.start();
  }

  disconnectedCallback(): void {
    document.removeEventListener('keydown', this.onKey);
    document.removeEventListener('visibilitychange', this.onVisibility);
    this.poll?.stop();
    this.engine?.destroy();
    this.poll = this.engine = undefined;
  }

  togglePlay(): void {
    if (this.video.paused) {
      void this.video.play();
    } else {
      this.video.pause();
    }
  }

  toggleMute(): void {
    this.video.muted = !this.video.muted;
  }

  toggleFullscreen(): void {
    const request = document.fullscreenElement ? 'mediaexitfullscreenrequest' : 'mediaenterfullscreenrequest';
    this.controller.dispatchEvent(new CustomEvent(request, { composed: true, bubbles: true }));
  }

  toggleCaptions(): void {
    this.captions.toggle();
  }

  goLive(): void {
    this.engine?.goLive();
  }

  seekBy(seconds: number): void {
    this.engine?.seekBy(seconds);
  }

  changeVolume(by: number): void {
    this.video.muted = false;
    this.video.volume = Math.min(1, Math.max(0, this.video.volume + by));
  }

  private find<T extends Element = HTMLElement>(selector: string): T {
    return this.root.querySelector<T>(selector)!;
  }

  private source(): string | undefined {
    const src = this.getAttribute('src');
    if (src) {
      return new URL(src, document.baseURI).href;
    }
    const stream = this.getAttribute('stream');
    return stream ? new URL(`/${encodeURIComponent(stream)}/index.m3u8`, location.origin).href : undefined;
  }

  private wire(): void {
    const { video } = this;
    this.find('.live').addEventListener('click', () => this.goLive());
    this.find('.big-play').addEventListener('click', () => this.togglePlay());
    this.find('.unmute').addEventListener('click', () => (video.muted = false));
    for (const event of ['volumechange', 'play', 'pause', 'ended']) {
      video.addEventListener(event, () => this.requestRender());
    }
    video.addEventListener('loadeddata', () => this.onPicture());
    const bar = this.find('.bar');
    for (const menu of this.root.querySelectorAll<PopupMenu>('stagecast-menu')) {
      menu.addEventListener('toggle', () => bar.toggleAttribute('noautohide', menu.open));
    }
    this.find('.quality').addEventListener('choose', (e) => chooseQuality(this.hls, (e as CustomEvent<string>).detail));
    this.find('.audio').addEventListener('choose', (e) => chooseAudio(this.hls, (e as CustomEvent<string>).detail));
  }

  private showPoster(): void {
    const poster = this.getAttribute('poster');
    const element = this.find('.poster');
    element.hidden = !poster;
    if (poster) {
      element.style.backgroundImage = `url(${JSON.stringify(new URL(poster, document.baseURI).href)})`;
    }
  }

  private onPicture(): void {
    const shown = () => {
      this.find('.still').hidden = true;
      if (!this.seen) {
        this.seen = true;
        this.autoMuted = this.video.muted;
        performance.mark(firstPicture);
      }
      this.requestRender();
    };
    if (this.video.requestVideoFrameCallback) {
      this.video.requestVideoFrameCallback(shown);
    } else {
      shown();
    }
  }

  private keepPicture(): void {
    if (this.seen) {
      showStill(this.find<HTMLCanvasElement>('.still'), this.video);
    }
  }

  private onStatus(status: StreamStatus): void {
    const before = this.server;
    this.server = status.state;
    const onAir = status.state === 'live' || status.state === 'starting';
    const replaced = status.generation !== 0 && this.generation !== 0 && status.generation !== this.generation;
    const restarted = before === 'ended' || before === 'idle' || before === 'missing';
    this.generation = status.generation || this.generation;
    if (onAir && (replaced || (restarted && this.engine?.playhead.motion !== 'moving'))) {
      this.engine?.rebuild();
    } else if (onAir) {
      this.engine?.kick();
    }
    this.dispatchEvent(new CustomEvent('stagecast-status', { detail: status }));
    this.requestRender();
  }

  private readonly onKey = (e: KeyboardEvent): void => {
    const inside = e.composedPath().includes(this) || e.target === document.body;
    if (!e.defaultPrevented && inside && handleKey(e, this)) {
      e.preventDefault();
      this.dispatchEvent(new PointerEvent('pointermove'));
    }
  };

  private readonly onVisibility = (): void => {
    if (!document.hidden) {
      this.engine?.resync();
    }
  };

  private requestRender(): void {
    if (this.frame === 0) {
      // A timer, not an animation frame: state must be right in a hidden tab too.
      this.frame = window.setTimeout(() => {
        this.frame = 0;
        this.render();
      }, 16);
    }
  }

  private render(): void {
    const next = view({
      supported: Engine.supported,
      server: this.server,
      reachable: (this.poll?.failures ?? 0) < offlineAfter,
      playhead: this.engine?.playhead.motion ?? 'blank',
    });
    if (next !== this.state) {
      this.state = next;
      this.poll?.askNow();
      this.dispatchEvent(new CustomEvent('stagecast-state', { detail: next }));
    }
    this.renderOverlay();
    this.renderControls();
  }

  private renderOverlay(): void {
    const told = words(this.state, this.server);
    const classes = this.controller.classList;
    classes.toggle('has-picture', this.seen);
    classes.toggle('told', told !== undefined);
    classes.toggle('spins', ['loading', 'buffering', 'reconnecting'].includes(this.state));
    this.find('.notice').classList.toggle('on', told !== undefined);
    setText(this.find('.notice .title'), told?.title ?? '');
    setText(this.find('.notice .detail'), told?.detail ?? '');
    this.find('.big-play').hidden = this.state !== 'paused';
    const { muted } = this.video;
    this.autoMuted &&= muted;
    this.find('.unmute').hidden = !(this.autoMuted && this.state === 'live');
  }

  private renderControls(): void {
    const { engine, hls } = this;
    if (!engine) {
      return;
    }
    const playing = this.state === 'live' || this.state === 'paused' || this.state === 'buffering';
    const live = liveButton(playing ? engine.behind : undefined, engine.following && !this.video.paused, this.latency);
    this.controller.classList.toggle('at-edge', live.atEdge);
    const button = this.find('.live');
    button.setAttribute('aria-label', live.label);
    button.title = live.label;
    button.hidden = !playing;
    setText(this.find('.live .latency'), live.text);
    updateQuality(this.find<PopupMenu>('.quality'), hls);
    updateAudio(this.find<PopupMenu>('.audio'), hls);
    this.captions.update();
  }
}

function setText(el: Element, text: string): void {
  if (el.textContent !== text) {
    el.textContent = text;
  }
}

customElements.define('stagecast-player', StagecastPlayer);
