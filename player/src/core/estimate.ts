const key = 'stagecast.bandwidth';
const fallback = 4e6; // bit/s: a 720p rung
const least = 0.6e6;
const most = 12e6; // enough for any rung; a fresh page must not bet on more
const caution = 0.8; // of what was measured last time

/** The bandwidth to begin with, in bit/s: what this browser had last time, or what it says of its network. */
export function initialEstimate(): number {
  const known = remembered() ?? connection();
  return known ? Math.min(Math.max(known * caution, least), most) : fallback;
}

/** Keeps a measured bandwidth in bit/s for the next page. */
export function rememberEstimate(bps: number): void {
  try {
    localStorage.setItem(key, String(Math.round(bps)));
  } catch {
    // Storage is closed to this page: the next one begins with the fallback.
  }
}

function remembered(): number | undefined {
  try {
    return Number(localStorage.getItem(key)) || undefined;
  } catch {
    return undefined;
  }
}

/** Only what says that the network is slow is believed: of a fast one browsers know little before they have used it. */
function connection(): number | undefined {
  const info = (navigator as { connection?: { downlink?: number; effectiveType?: string } }).connection;
  const slow = info?.effectiveType !== undefined && info.effectiveType !== '4g';
  return slow && info?.downlink ? info.downlink * 1e6 : undefined;
}
