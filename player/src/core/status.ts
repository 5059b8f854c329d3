import type { ServerState } from './view';

/** The server's status.json of one stream, checked. */
export interface StreamStatus {
  state: ServerState;
  /** Changes when the tracks of the stream changed: the source must be loaded anew. */
  generation: number;
  title: string;
  /** Unix milliseconds; 0 where it is not known. */
  startedAt: number;
  /** The server's clock, Unix milliseconds; 0 where it is not known. */
  now: number;
  viewers: number;
}

const states: readonly string[] = ['idle', 'starting', 'live', 'reconnecting', 'ended'];

/** Reads an answer of the server; any field may be missing or wrong. */
export function readStatus(body: unknown): StreamStatus {
  const o = (typeof body === 'object' && body !== null ? body : {}) as Record<string, unknown>;
  const number = (v: unknown) => (typeof v === 'number' && Number.isFinite(v) ? v : 0);
  const text = (v: unknown) => (typeof v === 'string' ? v : '');
  const state = text(o['state']);
  return {
    state: states.includes(state) ? (state as ServerState) : 'unknown',
    generation: number(o['generation']),
    title: text(o['title']),
    startedAt: Date.parse(text(o['startedAt'])) || 0,
    now: number(o['now']),
    viewers: number(o['viewers']),
  };
}

/** The status of a stream that the server does not know. */
export const missingStatus: StreamStatus = { ...readStatus(undefined), state: 'missing' };
