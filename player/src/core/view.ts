/** What the server says of the stream; `missing`: it knows none of this name; `unknown`: it has not answered yet. */
export type ServerState = 'unknown' | 'missing' | 'idle' | 'starting' | 'live' | 'reconnecting' | 'ended';

/** What the playhead does; `blank`: no picture of this stream has been shown yet; `dry`: it wants to move and cannot. */
export type Playhead = 'blank' | 'moving' | 'paused' | 'dry';

/** What the viewer is told. */
export type View =
  | 'loading'
  | 'starting'
  | 'live'
  | 'paused'
  | 'buffering'
  | 'reconnecting'
  | 'ended'
  | 'offline'
  | 'unsupported';

export interface Facts {
  supported: boolean;
  server: ServerState;
  /** The server has answered lately. */
  reachable: boolean;
  playhead: Playhead;
}

/**
 * The one place that decides what the viewer is told. A moving picture is the truth, whatever the server says: what is
 * still buffered plays out before an overlay covers it.
 */
export function view(f: Facts): View {
  if (!f.supported) {
    return 'unsupported';
  }
  if (f.playhead === 'moving') {
    return 'live';
  }
  if (f.playhead === 'paused' && f.server !== 'ended') {
    return 'paused';
  }
  if (!f.reachable) {
    return 'offline';
  }
  switch (f.server) {
    case 'ended':
    case 'reconnecting':
    case 'starting':
      return f.server;
    case 'idle':
    case 'missing':
      return f.playhead === 'blank' ? 'starting' : 'ended';
    default:
      return f.playhead === 'blank' ? 'loading' : 'buffering';
  }
}

/** The words of the overlay for a view; undefined where the picture speaks for itself. */
export function words(v: View, server: ServerState): { title: string; detail: string } | undefined {
  switch (v) {
    case 'starting':
      return server === 'missing'
        ? { title: 'Nothing on air here', detail: 'If a broadcast starts under this name, it plays here by itself.' }
        : { title: 'Starting soon', detail: 'The broadcast plays here as soon as it begins.' };
    case 'reconnecting':
      return { title: 'Reconnecting…', detail: 'The broadcaster’s connection was interrupted.' };
    case 'ended':
      return { title: 'The broadcast has ended', detail: 'If it starts again, it plays here by itself.' };
    case 'offline':
      return { title: 'You are offline', detail: 'The server cannot be reached. Trying again…' };
    case 'unsupported':
      return { title: 'This browser cannot play the stream', detail: 'It lacks Media Source Extensions. Try a current browser.' };
    default:
      return undefined;
  }
}
