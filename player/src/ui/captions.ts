import type { PopupMenu } from './menu';

const off = 'off';

/** The captions of a video element and the menu that chooses among them. */
export class Captions {
  private last = 0;

  constructor(
    private readonly video: HTMLVideoElement,
    private readonly menu: PopupMenu,
  ) {
    menu.addEventListener('choose', (e) => this.show((e as CustomEvent<string>).detail));
  }

  /** Brings the menu up to date; it is hidden where there are no captions. */
  update(): void {
    const tracks = this.tracks;
    const shown = tracks.findIndex((t) => t.mode === 'showing');
    const items = tracks.map((t, i) => ({ value: String(i), label: t.label || t.language || `Captions ${i + 1}` }));
    this.menu.update(items.length > 0 ? [{ value: off, label: 'Off' }, ...items] : [], shown < 0 ? off : String(shown), '');
  }

  /** Switches between no captions and those shown last. */
  toggle(): void {
    const shown = this.tracks.findIndex((t) => t.mode === 'showing');
    this.show(shown < 0 ? String(this.last) : off);
  }

  private show(value: string): void {
    this.tracks.forEach((t, i) => {
      t.mode = String(i) === value ? 'showing' : 'disabled';
    });
    if (value !== off) {
      this.last = Number(value);
    }
    this.update();
  }

  private get tracks(): TextTrack[] {
    return [...this.video.textTracks].filter((t) => t.kind === 'captions' || t.kind === 'subtitles');
  }
}
