import type Hls from 'hls.js';
import { rungNames } from '../core/format';
import type { PopupMenu } from './menu';

const auto = '-1';

/** Shows the rungs of the ladder, best first, and which one plays. */
export function updateQuality(menu: PopupMenu, hls: Hls | undefined): void {
  const names = rungNames(hls?.levels ?? []);
  if (!hls || names.length < 2) {
    menu.update([], auto, '');
    return;
  }
  const playing = names[hls.currentLevel] ?? names[hls.loadLevel];
  const items = names
    .map((label, i) => ({ value: String(i), label, bitrate: hls.levels[i]!.bitrate }))
    .sort((a, b) => b.bitrate - a.bitrate);
  const automatic = playing ? `Auto (${playing})` : 'Auto';
  const chosen = hls.autoLevelEnabled ? auto : String(hls.loadLevel);
  const badge = hls.autoLevelEnabled ? automatic : (names[hls.loadLevel] ?? '');
  menu.update([{ value: auto, label: automatic }, ...items.map(({ value, label }) => ({ value, label }))], chosen, badge);
}

/** Loads the chosen rung from the next segment on; '-1' hands the choice back to the network. */
export function chooseQuality(hls: Hls | undefined, value: string): void {
  if (hls) {
    hls.loadLevel = Number(value);
  }
}

export function updateAudio(menu: PopupMenu, hls: Hls | undefined): void {
  const items = (hls?.audioTracks ?? []).map((t, i) => ({ value: String(i), label: t.name || t.lang || `Track ${i + 1}` }));
  menu.update(items, String(hls?.audioTrack ?? 0), '');
}

export function chooseAudio(hls: Hls | undefined, value: string): void {
  if (hls) {
    hls.audioTrack = Number(value);
  }
}
