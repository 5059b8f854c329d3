/** What the keyboard can ask of the player. */
export interface KeyActions {
  togglePlay(): void;
  toggleMute(): void;
  toggleFullscreen(): void;
  toggleCaptions(): void;
  goLive(): void;
  seekBy(seconds: number): void;
  changeVolume(by: number): void;
}

const seekStep = 5; // s
const volumeStep = 0.05;

/** Acts on a key; reports whether it was one of ours. Space on a button is the button's own. */
export function handleKey(e: KeyboardEvent, actions: KeyActions): boolean {
  if (e.ctrlKey || e.metaKey || e.altKey) {
    return false;
  }
  const target = e.composedPath()[0];
  if (target instanceof HTMLElement && ownsKey(target, e.key)) {
    return false;
  }
  const act: Record<string, () => void> = {
    ' ': () => actions.togglePlay(),
    k: () => actions.togglePlay(),
    m: () => actions.toggleMute(),
    f: () => actions.toggleFullscreen(),
    c: () => actions.toggleCaptions(),
    l: () => actions.goLive(),
    ArrowLeft: () => actions.seekBy(-seekStep),
    ArrowRight: () => actions.seekBy(seekStep),
    ArrowUp: () => actions.changeVolume(volumeStep),
    ArrowDown: () => actions.changeVolume(-volumeStep),
  };
  const key = e.key.length === 1 ? e.key.toLowerCase() : e.key;
  if (!(key in act)) {
    return false;
  }
  act[key]!();
  return true;
}

function ownsKey(target: HTMLElement, key: string): boolean {
  if (target.matches('input, textarea, select, [contenteditable]')) {
    return true;
  }
  return key === ' ' && target.closest('button, a, summary, [role=button], media-play-button, media-mute-button') !== null;
}
