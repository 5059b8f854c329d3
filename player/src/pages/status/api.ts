/** The answer of GET /api/v1/status; whatever the server leaves out is undefined. */
export interface Status {
  version?: string;
  startedAt?: string;
  now?: number;
  node?: { cores?: number; goroutines?: number; memoryBytes?: number; cpu?: number };
  machine?: Machine;
  cluster?: Cluster | null;
  /** Where everything is kept; a problem means that what is listed is in memory alone. */
  disk?: { bytes?: number; waiting?: number; lost?: number; problem?: string };
  streams?: Stream[];
  attempts?: Attempt[];
}

/** The nodes that encode, where there are several. */
export interface Cluster {
  node?: string;
  workers?: { node: string; url?: string; jobs?: number; load?: number; draining?: boolean; waiting?: number; problem?: string }[];
  jobs?: Record<string, { Owner: string; Epoch: number }> | null;
  /** Streams of this node that nobody encodes. */
  waiting?: { stream: string; priority?: number; since: string }[] | null;
  /** Where the ladders that this node serves come from. */
  lines?: Record<string, { node?: string; since: string; move?: string }>;
  problem?: string;
}

/** What encodes here. */
export interface Machine {
  devices?: { ffmpeg?: string; devices?: Device[] } | null;
  slotsFree?: number;
  load?: { device: string; share?: number }[];
}

export interface Device {
  id: string;
  name?: string;
  driver?: string;
  memoryBytes?: number;
  cores?: number;
  trials?: Trial[];
}

export interface Trial {
  codec?: string;
  encoder?: string;
  works?: boolean;
  reason?: string;
  detail?: string;
  fix?: string;
  speeds?: { preset: string; pixelsPerSecond?: number }[];
}

export interface Stream {
  name: string;
  state: string;
  viewers?: number;
  input?: Input;
  inputs?: Inputs;
  renditions?: Rendition[];
  ladder?: Ladder;
  urls?: { watch?: string; hls?: string; embed?: string };
}

export type Role = 'primary' | 'backup' | 'slate';

export interface Inputs {
  onAir?: Role;
  pinned?: Role;
  next?: Role;
  last?: { from?: Role; to: Role; reason: string; at: string; holeMs: number };
  inputs?: Input[];
}

export interface Input {
  role?: Role;
  onAir?: boolean;
  score?: number;
  protocol?: string;
  remote?: string;
  agent?: string;
  since?: string;
  video?: { codec?: string; width?: number; height?: number; fps?: number; bitrate?: number; keyframeInterval?: number };
  rungs?: NonNullable<Input['video']>[];
  self?: Record<'rendered' | 'lagged' | 'dropped' | 'output' | 'skipped' | 'encodeMs' | 'arrivalMs', number>;
  audio?: { codec?: string; sampleRate?: number; channels?: number; bitrate?: number };
  skewMs?: number;
  drops?: number;
  missing?: number;
  jumps?: number;
  link?: Record<'rttMs' | 'jitterMs' | 'latencyMs' | 'received' | 'lost' | 'retransmitted' | 'dropped' | 'broken', number>;
  warnings?: { name: string; text: string; fix: string }[];
}

export interface Rendition {
  name: string;
  codecs?: string;
  width?: number;
  height?: number;
  fps?: number;
  bitrate?: number;
  msn?: number;
  part?: number;
  segments?: number;
  bytes?: number;
}

export interface Ladder {
  passed?: boolean;
  device?: string;
  preset?: string;
  note?: string;
  waiting?: boolean;
  queueSeconds?: number;
  cpuSeconds?: number;
  fps?: number;
  speed?: number;
  delayMs?: number;
  restarts?: number;
  reason?: string;
  lost?: number;
  dropped?: { rung: string; reason: string }[] | null;
  log?: string[];
}

export interface Attempt {
  at?: string;
  protocol?: string;
  stream?: string;
  remote?: string;
  agent?: string;
  admitted?: boolean;
  seconds?: number;
  reason?: string;
  detail?: string;
  fix?: string;
}

export interface Connect {
  rtmp?: { server?: string; key?: string };
  srt?: { server?: string; streamid?: string };
  whip?: { server?: string };
  rtsp?: { server?: string };
  backup?: { key?: string };
  /** OBS's configuration for all sizes, by the name of the encoder that it uses. */
  multitrack?: Record<string, unknown>;
}

/** The token was refused. */
export class Unauthorized extends Error {}

const kept = 'stagecast-token';

/** The operator's API. The token lives as long as the tab does, and travels in a header alone. */
export class Api {
  get token(): string {
    return sessionStorage.getItem(kept) ?? '';
  }

  set token(t: string) {
    if (t) {
      sessionStorage.setItem(kept, t);
    } else {
      sessionStorage.removeItem(kept);
    }
  }

  status(): Promise<Status> {
    return this.get<Status>('status');
  }

  connect(stream: string): Promise<Connect> {
    return this.get<Connect>(`streams/${encodeURIComponent(stream)}/connect`);
  }

  /** Does something with a stream: switch, pin, end. What stands against it is thrown as the server said it. */
  async act(stream: string, what: string): Promise<void> {
    await this.ask<{ done: boolean }>(`streams/${encodeURIComponent(stream)}/${what}`, 'POST');
  }

  private get<T>(path: string): Promise<T> {
    return this.ask<T>(path, 'GET');
  }

  private async ask<T>(path: string, method: string): Promise<T> {
    const answer = await fetch(`/api/v1/${path}`, {
      method,
      headers: { Authorization: `Bearer ${this.token}` },
      signal: AbortSignal.timeout(5000),
      cache: 'no-store',
    });
    if (answer.status === 401) {
      throw new Unauthorized();
    }
    if (!answer.ok) {
      const said = (await answer.json().catch(() => ({}))) as { error?: string };
      throw new Error(said.error ? `The server says: ${said.error}.` : `The server answered ${answer.status}.`);
    }
    return (await answer.json()) as T;
  }
}
