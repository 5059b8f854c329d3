import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { extname, resolve } from 'node:path';
import { rung, sound, type Rung } from './media';
import { MockStream } from './stream';

const dist = resolve(import.meta.dirname, '../../dist');
const types: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
  '.m3u8': 'application/vnd.apple.mpegurl',
  '.m4s': 'video/mp4',
  '.mp4': 'video/mp4',
};
const policy =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; media-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'none'";
const heldMost = 6000; // ms

/** What status.json says. */
export interface MockStatus {
  state: string;
  generation: number;
  title: string;
  viewers: number;
  startedAt: string;
}

/** The server's side of the player's contract, for one stream named `live`, on a port of its own. */
export class MockServer {
  readonly stream: MockStream;
  status: MockStatus = { state: 'idle', generation: 1, title: '', viewers: 0, startedAt: '' };
  /** Answers of the operator's API by path; undefined: 404. */
  api: Record<string, unknown> = {};
  token = 'letmein';
  /** Bytes per second of each media answer; 0: as fast as it goes. */
  rate = 0;
  /** Connections are cut instead of answered. */
  down = false;
  /** Paths asked for, in order. */
  readonly requests: string[] = [];
  private readonly server: Server;
  private readonly sockets = new Set<Socket>();

  constructor(rungs: Rung[]) {
    this.stream = new MockStream(rungs, sound());
    this.server = createServer((req, res) => void this.handle(req, res));
    this.server.on('connection', (s) => {
      this.sockets.add(s);
      s.on('close', () => this.sockets.delete(s));
    });
  }

  async start(): Promise<string> {
    await new Promise<void>((done) => this.server.listen(0, '127.0.0.1', done));
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.sockets.forEach((s) => s.destroy());
    await new Promise((done) => this.server.close(done));
  }

  /** On air for `ago` seconds already. */
  live(ago: number): void {
    this.stream.begin(ago);
    this.set({ state: 'live', startedAt: new Date(Date.now() - ago * 1000).toISOString() });
  }

  set(s: Partial<MockStatus>): void {
    Object.assign(this.status, s);
  }

  /** Cuts every connection now and refuses new requests while `down` is set. */
  cut(down: boolean): void {
    this.down = down;
    if (down) {
      this.sockets.forEach((s) => s.destroy());
    }
  }

  private async handle(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const url = new URL(req.url ?? '/', 'http://mock');
    this.requests.push(url.pathname);
    if (this.down) {
      req.socket.destroy();
      return;
    }
    res.setHeader('Access-Control-Allow-Origin', '*');
    const [, first = '', second = '', third = ''] = url.pathname.split('/');
    if (first === 'api') {
      this.answerApi(req, res, url.pathname);
    } else if (first === 'assets') {
      file(res, url.pathname, 'public, max-age=31536000, immutable');
    } else if (first === 'embed' || second === '') {
      file(res, first === '' ? '/status.html' : first === 'embed' ? '/embed.html' : '/watch.html', 'max-age=60');
    } else if (first === 'live') {
      await this.answerStream(res, url, second, third);
    } else {
      send(res, 404, 'no such stream', 'text/plain');
    }
  }

  private answerApi(req: IncomingMessage, res: ServerResponse, path: string): void {
    const ok = req.headers.authorization === `Bearer ${this.token}`;
    const body = ok ? this.api[path] : { error: 'unauthorized' };
    send(res, ok ? (body === undefined ? 404 : 200) : 401, JSON.stringify(body ?? { error: 'not found' }), 'application/json');
  }

  private async answerStream(res: ServerResponse, url: URL, second: string, third: string): Promise<void> {
    if (second === 'status.json') {
      const body = { stream: 'live', now: Date.now(), profile: 'low', partTarget: 0.5, ...this.status };
      res.setHeader('Cache-Control', 'max-age=1');
      send(res, 200, JSON.stringify(body), 'application/json');
      return;
    }
    if (this.stream.onAir.length === 0 && !(await held(() => this.stream.onAir.length > 0, res, this.status.state === 'starting'))) {
      send(res, 404, 'not on air', 'text/plain');
      return;
    }
    if (second === 'index.m3u8') {
      res.setHeader('Cache-Control', 'max-age=2');
      send(res, 200, this.stream.multivariant(), types['.m3u8']!);
      return;
    }
    const track = this.stream.track(second);
    if (!track) {
      send(res, 404, 'no such rendition', 'text/plain');
    } else if (third === 'index.m3u8') {
      await this.answerPlaylist(res, url, second);
    } else {
      await this.answerObject(res, second, third);
    }
  }

  private async answerPlaylist(res: ServerResponse, url: URL, name: string): Promise<void> {
    const track = this.stream.track(name)!;
    const msn = url.searchParams.get('_HLS_msn');
    const part = Number(url.searchParams.get('_HLS_part') ?? 0);
    const there = () => this.stream.ended || this.stream.reached(track, Number(msn), part);
    if (msn !== null && !(await held(there, res, true))) {
      send(res, 503, 'not yet', 'text/plain');
      return;
    }
    res.setHeader('Cache-Control', 'max-age=1');
    send(res, 200, this.stream.playlist(track), types['.m3u8']!);
  }

  private async answerObject(res: ServerResponse, name: string, file: string): Promise<void> {
    const body = this.stream.object(this.stream.track(name)!, file);
    if (!body) {
      send(res, 404, 'no such object', 'text/plain');
      return;
    }
    res.setHeader('Cache-Control', 'max-age=60, immutable');
    res.writeHead(200, { 'Content-Type': types[extname(file)]!, 'Content-Length': body.length });
    await paced(res, body, this.rate);
  }
}

export { rung };

/** Waits until `ready`, for as long as the server holds a request; false when it gives up. */
async function held(ready: () => boolean, res: ServerResponse, may: boolean): Promise<boolean> {
  const until = Date.now() + (may ? heldMost : 0);
  while (!ready()) {
    if (Date.now() >= until || res.destroyed) {
      return false;
    }
    await new Promise((done) => setTimeout(done, 10));
  }
  return true;
}

async function paced(res: ServerResponse, body: Buffer, rate: number): Promise<void> {
  const step = rate > 0 ? Math.max(1, Math.round(rate / 50)) : body.length;
  for (let at = 0; at < body.length && !res.destroyed; at += step) {
    res.write(body.subarray(at, at + step));
    if (rate > 0) {
      await new Promise((done) => setTimeout(done, 20));
    }
  }
  res.end();
}

function file(res: ServerResponse, path: string, cache: string): void {
  try {
    const body = readFileSync(resolve(dist, `.${path}`));
    res.setHeader('Cache-Control', cache);
    res.setHeader('Content-Security-Policy', policy);
    send(res, 200, body, types[extname(path)]!);
  } catch {
    send(res, 404, 'not built', 'text/plain');
  }
}

function send(res: ServerResponse, status: number, body: string | Buffer, type: string): void {
  if (!res.destroyed) {
    res.writeHead(status, { 'Content-Type': type }).end(body);
  }
}
