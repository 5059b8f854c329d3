import { expect, test } from 'vitest';
import { encoders } from '../../src/pages/status/encoders';

const all = encoders({
  rtmp: { server: 'rtmp://studio:1935/live', key: 'the-key' },
  srt: { server: 'srt://studio:8890', streamid: 'the-key' },
  whip: { server: 'https://studio/whip' },
  rtsp: { server: 'rtsp://user:the-key@studio:8554/live' },
});
const of = (name: string) => Object.fromEntries(all.find((e) => e.name === name)!.lines.map((l) => [l.label, l.value]));

test('each tool gets what it takes', () => {
  expect(of('OBS')).toEqual({ Server: 'rtmp://studio:1935/live', 'Stream key': 'the-key' });
  expect(of('OBS, by WHIP')).toEqual({ Server: 'https://studio/whip', 'Bearer Token': 'the-key' });
  expect(of('Larix')).toEqual({ URL: 'rtmp://studio:1935/live/the-key' });
  expect(of('RTSP')).toEqual({ URL: 'rtsp://user:the-key@studio:8554/live' });
  expect(of('Hardware encoder, by SRT')).toEqual({ Address: 'studio', Port: '8890', 'Stream ID': 'the-key', 'Latency (ms)': '300' });
});

test('the latency of SRT is in the unit of the tool', () => {
  expect(of('OBS, by SRT').Server).toContain('latency=300000');
  expect(of('ffmpeg, by SRT').Command).toContain('latency=300000');
  expect(of('GStreamer, by SRT').Command).toContain('latency=300 ');
});

test('whatever holds the key is secret', () => {
  for (const e of all) {
    for (const l of e.lines) {
      expect(l.secret ?? false, `${e.name}: ${l.label}`).toBe(l.value.includes('the-key'));
    }
  }
});

test('what the server does not offer is not there', () => {
  expect(encoders({ rtmp: { server: 'rtmp://studio/live', key: 'k' } }).map((e) => e.name)).toEqual(['ffmpeg', 'GStreamer', 'Larix', 'OBS', 'vMix']);
});
