/** "1.8 s"; a dash where the value is not known. */
export function seconds(s: number | undefined): string {
  return s === undefined || !Number.isFinite(s) ? '–' : `${Math.max(0, s).toFixed(1)} s`;
}

/** "0:07", "12:03", "3:00:09". */
export function clock(s: number): string {
  const whole = Math.max(0, Math.floor(s));
  const h = Math.floor(whole / 3600);
  const m = Math.floor((whole % 3600) / 60);
  const two = (n: number) => String(n).padStart(2, '0');
  return h > 0 ? `${h}:${two(m)}:${two(whole % 60)}` : `${m}:${two(whole % 60)}`;
}

/** "850 kb/s", "2.8 Mb/s", "14 Mb/s" from bits per second; a dash where it is not known. */
export function bitrate(bps: number | undefined): string {
  if (!bps || !Number.isFinite(bps)) {
    return '–';
  }
  if (bps < 1e6) {
    return `${Math.round(bps / 1000)} kb/s`;
  }
  return `${(bps / 1e6).toFixed(bps < 10e6 ? 1 : 0)} Mb/s`;
}

/** "512 B", "1.4 MB", "2.0 GB" in powers of 1000. */
export function bytes(n: number | undefined): string {
  if (n === undefined || !Number.isFinite(n)) {
    return '–';
  }
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let i = 0;
  while (n >= 999.5 && i < units.length - 1) {
    n /= 1000;
    i++;
  }
  return `${i === 0 ? n : n.toFixed(n < 99.95 ? 1 : 0)} ${units[i]}`;
}

/** "1 watching", "1,204 watching". */
export function viewers(n: number): string {
  return `${n.toLocaleString('en')} watching`;
}

/** "just now", "40 s ago", "12 min ago", "3 h ago", "2 d ago" for a moment `ms` milliseconds back. */
export function ago(ms: number): string {
  const s = Math.round(ms / 1000);
  if (s < 5) {
    return 'just now';
  }
  if (s < 90) {
    return `${s} s ago`;
  }
  if (s < 90 * 60) {
    return `${Math.round(s / 60)} min ago`;
  }
  return s < 36 * 3600 ? `${Math.round(s / 3600)} h ago` : `${Math.round(s / 86400)} d ago`;
}

/** One rung of the ladder, as in an hls.js Level. */
export interface Rung {
  width: number;
  height: number;
  bitrate: number;
  frameRate: number;
}

/** "1080p", "720p60": the name people know a rung by: its shorter side, with the frame rate where it is high. */
export function rungName(r: Rung): string {
  const side = Math.min(r.width, r.height) || r.height;
  if (!side) {
    return bitrate(r.bitrate);
  }
  return r.frameRate > 45 ? `${side}p${Math.round(r.frameRate)}` : `${side}p`;
}

/** Names of all rungs; where two share a name the bitrate tells them apart. */
export function rungNames(rungs: Rung[]): string[] {
  const names = rungs.map(rungName);
  return names.map((name, i) =>
    names.filter((n) => n === name).length > 1 ? `${name} ${bitrate(rungs[i]!.bitrate)}` : name,
  );
}
