import type { Connect } from './api';

/** One thing to type or to copy. */
export interface Line {
  label: string;
  value: string;
  secret?: boolean;
  /** It is of many lines. */
  long?: boolean;
  /** What a phone's camera reads for it, shown as a QR code when asked for; as secret as the value. */
  scan?: string;
}

/** What to type into one kind of encoder. */
export interface Encoder {
  name: string;
  note: string;
  lines: Line[];
}

const keyframes = 'Keyframe interval: 2 s.';

/** Milliseconds that SRT waits for lost packets; ffmpeg and OBS take it in microseconds, all others in milliseconds. */
const latency = 300;

/** The encoders that can reach the server, with the exact strings for each, for the stream of that name. */
export function encoders(c: Connect, stream = 'live'): Encoder[] {
  return [...rtmp(c, stream), ...multitrack(c), ...srt(c, stream), ...whip(c), ...rtsp(c)].sort((a, b) => a.name.localeCompare(b.name));
}

/** The link by which Larix sets itself up (Larix Grove). */
function larix(stream: string, connection: Record<string, string>): string {
  const fields = new URLSearchParams();
  for (const [name, value] of Object.entries({ name: stream, ...connection, overwrite: 'on', active: 'on' })) {
    fields.append(`conn[][${name}]`, value);
  }
  fields.append('enc[vid][keyframe]', '2');
  return `larix://set/v1?${fields.toString().replaceAll('+', '%20')}`;
}

/** OBS encodes all sizes itself, by a configuration that has no key in it. */
function multitrack(c: Connect): Encoder[] {
  const pair: Line[] = [
    { label: 'Server', value: c.rtmp?.server ?? '' },
    { label: 'Stream key', value: c.rtmp?.key ?? '', secret: true },
  ];
  return Object.entries(c.multitrack ?? {}).map(([encoder, config]) => ({
    name: `OBS, all sizes by ${encoder}`,
    note:
      'Start OBS with --enable-multitrack-video-dev. Settings → Stream → Service: Custom, Enable Multitrack Video, Enable Config Override. ' +
      'Take sizes out that are larger than your canvas.',
    lines: [...pair, { label: 'Config Override (JSON)', value: JSON.stringify(config, undefined, 2), long: true }],
  }));
}

function rtmp(c: Connect, stream: string): Encoder[] {
  const server = c.rtmp?.server;
  const key = c.rtmp?.key ?? '';
  if (!server) {
    return [];
  }
  const url = `${server}/${key}`;
  const pair: Line[] = [
    { label: 'Server', value: server },
    { label: 'Stream key', value: key, secret: true },
  ];
  return [
    { name: 'OBS', note: `Settings → Stream → Service: Custom. Settings → Output → ${keyframes}`, lines: pair },
    { name: 'vMix', note: `Stream → Destination: Custom RTMP Server. ${keyframes}`, lines: [{ label: 'URL', value: server }, { label: 'Stream Name or Key', value: key, secret: true }] },
    {
      name: 'Larix',
      note: `Settings → Connections → New connection; or scan the code with the phone's camera. ${keyframes}`,
      lines: [{ label: 'URL', value: url, secret: true, scan: larix(stream, { url }) }],
    },
    { name: 'ffmpeg', note: 'Put your own source after -i.', lines: [{ label: 'Command', value: `ffmpeg -re -i film.mp4 -c:v libx264 -g 60 -c:a aac -f flv '${url}'`, secret: true }] },
    {
      name: 'GStreamer',
      note: 'The test picture; put your own sources in its place.',
      lines: [
        {
          label: 'Command',
          value: `gst-launch-1.0 flvmux name=m streamable=true ! rtmp2sink location='${url}' videotestsrc is-live=true ! x264enc key-int-max=60 tune=zerolatency ! h264parse ! m. audiotestsrc is-live=true ! avenc_aac ! m.`,
          secret: true,
        },
      ],
    },
  ];
}

function srt(c: Connect, stream: string): Encoder[] {
  const server = c.srt?.server;
  const key = c.srt?.streamid ?? '';
  if (!server) {
    return [];
  }
  const { hostname, port } = new URL(server.replace(/^srt:/, 'http:'));
  const parts: Line[] = [
    { label: 'Address', value: hostname },
    { label: 'Port', value: port },
    { label: 'Stream ID', value: key, secret: true },
    { label: 'Latency (ms)', value: String(latency) },
  ];
  const microseconds = `${server}?streamid=${key}&latency=${latency * 1000}`;
  return [
    { name: 'OBS, by SRT', note: 'Service: Custom. Leave the stream key empty. The latency is in microseconds.', lines: [{ label: 'Server', value: microseconds, secret: true }] },
    { name: 'ffmpeg, by SRT', note: 'The latency is in microseconds.', lines: [{ label: 'Command', value: `ffmpeg -re -i film.mp4 -c:v libx264 -g 60 -c:a aac -f mpegts '${microseconds}'`, secret: true }] },
    {
      name: 'GStreamer, by SRT',
      note: 'The latency is in milliseconds.',
      lines: [
        {
          label: 'Command',
          value: `gst-launch-1.0 mpegtsmux alignment=7 name=m ! srtsink uri='${server}?mode=caller&streamid=${key}' latency=${latency} videotestsrc is-live=true ! x264enc key-int-max=60 tune=zerolatency ! h264parse ! m. audiotestsrc is-live=true ! avenc_aac ! m.`,
          secret: true,
        },
      ],
    },
    { name: 'vMix, by SRT', note: 'Output → SRT → Type: Caller. The latency is in milliseconds.', lines: parts },
    {
      name: 'Larix, by SRT',
      note: "Connection → SRT sender, mode Caller; or scan the code with the phone's camera. The latency is in milliseconds.",
      lines: [
        { label: 'URL', value: server },
        { label: 'Stream ID', value: key, secret: true, scan: larix(stream, { url: server, srtmode: 'c', srtstreamid: key, srtlatency: String(latency) }) },
        { label: 'Latency (ms)', value: String(latency) },
      ],
    },
    { name: 'Hardware encoder, by SRT', note: `Mode: Caller. Transport stream of H.264 or HEVC with AAC. ${keyframes}`, lines: parts },
  ];
}

function whip(c: Connect): Encoder[] {
  return c.whip?.server
    ? [
        {
          name: 'OBS, by WHIP',
          note: 'Settings → Stream → Service: WHIP.',
          lines: [
            { label: 'Server', value: c.whip.server },
            { label: 'Bearer Token', value: c.rtmp?.key ?? '', secret: true },
          ],
        },
      ]
    : [];
}

function rtsp(c: Connect): Encoder[] {
  return c.rtsp?.server ? [{ name: 'RTSP', note: 'Any user name; the password is the stream key.', lines: [{ label: 'URL', value: c.rtsp.server, secret: true }] }] : [];
}
