/** The stream that a page's path names: the last part of `/STREAM` and `/embed/STREAM`. */
export function streamName(pathname: string): string {
  const last = pathname.split('/').filter(Boolean).at(-1) ?? '';
  try {
    return decodeURIComponent(last);
  } catch {
    return last;
  }
}
