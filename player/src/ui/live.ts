import { clock, seconds } from '../core/format';

const edgeWithin = 2.5; // s behind the target that still count as live

/** What the live button says. `behind` is the distance from where a live viewer should be, `latency` the one from the lens. */
export function liveButton(
  behind: number | undefined,
  following: boolean,
  latency: number | undefined,
): { atEdge: boolean; text: string; label: string } {
  const atEdge = following && behind !== undefined && behind < edgeWithin;
  if (atEdge) {
    const text = latency === undefined ? '' : seconds(latency);
    return { atEdge, text, label: text ? `Live, ${text} behind the camera` : 'Live' };
  }
  const text = behind === undefined || behind < 1 ? '' : `−${clock(behind)}`;
  return { atEdge, text, label: 'Go to live' };
}
