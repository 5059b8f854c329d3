import { ago, bitrate, bytes, viewers } from '../../core/format';
import type { Input, Ladder, Rendition, Stream } from './api';
import { el, fact, table } from './dom';

const words: Record<string, string> = {
  idle: 'Waiting for an encoder',
  starting: 'Starting',
  live: 'Live',
  reconnecting: 'Encoder lost, waiting for it',
  ended: 'Ended',
};

/** What is shown of a stream that changes with every answer; the rest of its card stays. */
export function streamFacts(s: Stream, now: number): HTMLElement {
  return el(
    'div',
    { class: 'facts-of' },
    s.inputs?.onAir === 'slate' && el('p', { class: 'trouble' }, 'No encoder is there. Viewers see the slate until one is back or the grace time is over.'),
    ...(s.inputs?.inputs ?? (s.input ? [s.input] : [])).flatMap((i) => [inputFacts(i, now), i.warnings?.length ? warnings(i) : undefined]),
    s.inputs?.last && el('p', { class: 'dim' }, lastSwitch(s.inputs.last, now)),
    s.renditions?.length ? renditions(s.renditions) : undefined,
    s.ladder && s.state !== 'idle' ? ladder(s.ladder) : undefined,
  );
}

/** The state of a stream as a pill, and who watches. */
export function headline(s: Stream): HTMLElement {
  return el(
    'p',
    { class: 'meta' },
    s.inputs?.onAir === 'slate' && s.state === 'live'
      ? el('span', { class: 'pill', 'data-view': 'reconnecting' }, 'Encoder lost, slate on air')
      : el('span', { class: 'pill', 'data-view': s.state }, words[s.state] ?? s.state),
    s.viewers ? el('span', { class: 'dim' }, viewers(s.viewers)) : undefined,
  );
}

function inputFacts(i: Input, now: number): HTMLElement {
  const v = i.video;
  const a = i.audio;
  return el(
    'div',
    {},
    el('h3', {}, title(i)),
    el(
      'dl',
      { class: 'facts' },
      i.score !== undefined && fact('Health', `${Math.round(i.score)} of 100`),
      fact('Encoder', `${(i.protocol ?? '').toUpperCase()} from ${i.remote ?? '–'}`),
      !!i.agent && fact('Calls itself', i.agent),
      !!i.since && fact('Connected', ago(now - Date.parse(i.since))),
      v && fact('Picture', `${(v.codec ?? '').toUpperCase()} ${v.width}×${v.height}, ${(v.fps ?? 0).toFixed(1)} fps, ${bitrate(v.bitrate)}`),
      ...(i.rungs ?? []).map((r) => fact('The same in', `${(r.codec ?? '').toUpperCase()} ${r.width}×${r.height}, ${(r.fps ?? 0).toFixed(1)} fps, ${bitrate(r.bitrate)}`)),
      v && fact('Key frames', v.keyframeInterval ? `every ${v.keyframeInterval.toFixed(1)} s` : '–'),
      a && fact('Sound', `${(a.codec ?? '').toUpperCase()} ${(a.sampleRate ?? 0) / 1000} kHz, ${a.channels} ch, ${bitrate(a.bitrate)}`),
      v && a && fact('Sound after picture', `${Math.round(i.skewMs ?? 0)} ms`),
      i.link && fact('Link', linkFacts(i.link)),
      i.self && fact('By its own account', selfFacts(i.self)),
      fact('Dropped', `${i.drops ?? 0} unusable, ${i.missing ?? 0} left out by the encoder`),
    ),
  );
}

/** What the encoder says of itself; the way here is by its clock and ours, and tells most where both are set by the network. */
function selfFacts(s: NonNullable<Input['self']>): string {
  return [
    `${s.rendered} pictures drawn, ${s.lagged} of them late`,
    `${s.output} sent in all sizes, ${s.dropped} dropped for the network`,
    `${s.skipped} skipped by its encoders`,
    !!s.encodeMs && `${Math.round(s.encodeMs)} ms to encode`,
    !!s.arrivalMs && `${Math.round(s.arrivalMs)} ms until here`,
  ]
    .filter(Boolean)
    .join(', ');
}

/** Which of a stream's inputs it is, and whether viewers see it. */
function title(i: Input): string {
  if (!i.role) {
    return 'Input';
  }
  return `${i.role === 'backup' ? 'Backup' : 'Primary'}, ${i.onAir ? 'on air' : 'standing by'}`;
}

const reasons: Record<string, string> = {
  lost: 'the session before it ended',
  silent: 'nothing came from the one before it',
  health: 'it was clearly better',
  drill: 'the operator asked for it',
  pinned: 'the operator wants it whenever it is there',
  return: 'it was there again',
};

function lastSwitch(l: NonNullable<NonNullable<Stream['inputs']>['last']>, now: number): string {
  return `Last switch: to the ${l.to} ${ago(now - Date.parse(l.at))}, because ${reasons[l.reason] ?? l.reason}; ${Math.round(l.holeMs)} ms between the two pictures.`;
}

/** What the protocol measures of the way from the encoder. One that knows no round trip sees only gaps in what arrives. */
function linkFacts(l: NonNullable<Input['link']>): string {
  const gaps = `${l.broken ?? 0} gaps in the media`;
  if (!l.received) {
    return gaps;
  }
  const lost = (100 * (l.lost ?? 0)) / l.received;
  return [
    l.rttMs && `round trip ${Math.round(l.rttMs)} ms`,
    l.latencyMs && `latency ${Math.round(l.latencyMs)} ms`,
    l.jitterMs && `jitter ${Math.round(l.jitterMs)} ms`,
    `${lost.toFixed(lost < 1 ? 2 : 1)} % lost at first`,
    `${l.dropped ?? 0} packets lost for good`,
    l.broken && gaps,
  ]
    .filter(Boolean)
    .join(', ');
}

function warnings(i: Input): HTMLElement {
  return el(
    'ul',
    { class: 'warnings' },
    ...i.warnings!.map((w) => el('li', {}, el('strong', {}, w.text), ' ', el('span', {}, w.fix))),
  );
}

function renditions(rs: Rendition[]): HTMLElement {
  const rows = rs.map((r) => [
    el('strong', {}, r.name),
    r.width ? `${r.width}×${r.height}` : 'sound',
    r.fps ? r.fps.toFixed(r.fps % 1 ? 2 : 0) : '–',
    bitrate(r.bitrate),
    el('code', {}, r.codecs ?? ''),
    el('code', {}, r.msn ? `${r.msn}.${r.part}` : '–'),
    bytes(r.bytes),
  ]);
  return el('div', {}, el('h3', {}, 'Output'), table(['Rendition', 'Size', 'fps', 'Bitrate', 'Codec', 'Live edge', 'In memory'], rows));
}

function ladder(l: Ladder): HTMLElement {
  if (l.passed) {
    return el('div', {}, el('h3', {}, 'Encoding'), el('p', { class: 'dim' }, 'None: the encoder sends every size itself.'));
  }
  if (l.waiting) {
    return el('div', {}, el('h3', {}, 'Encoding'), el('p', {}, `Waiting for room, for ${Math.round(l.queueSeconds ?? 0)} s: ${l.note ?? ''}.`));
  }
  const speed = l.speed ? `${l.speed.toFixed(2)} × real time` : '–';
  return el(
    'div',
    {},
    el('h3', {}, 'Encoding'),
    el(
      'dl',
      { class: 'facts' },
      fact('Encoded by', [l.device, l.preset].filter(Boolean).join(', ') || '–'),
      fact('Speed', `${speed}, ${(l.fps ?? 0).toFixed(1)} fps`),
      fact('Delay', `${Math.round(l.delayMs ?? 0)} ms`),
      fact('Restarts', l.restarts ? [l.restarts, l.reason && `last: ${l.reason}`].filter(Boolean).join(', ') : 'none'),
    ),
    l.note ? el('p', { class: 'dim' }, l.note) : undefined,
    l.dropped?.length
      ? el('ul', { class: 'warnings' }, ...l.dropped.map((d) => el('li', {}, el('strong', {}, `No ${d.rung}.`), ' ', d.reason)))
      : undefined,
  );
}
