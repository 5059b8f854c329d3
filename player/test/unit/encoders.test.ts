import { expect, test } from 'vitest';
import { encoders } from '../../src/pages/status/encoders';

const all = encoders({
  rtmp: { server: 'rtmp://studio:1935/live', key: 'the-key' },
  srt: { server: 'srt://studio:8890', streamid: 'the-key' },
  whip: { server: 'https://studio/whip' },
  rtsp: { server: 'rtsp://user:the-key@studio:8554/live' },
  multitrack: { x264: { encoder_configurations: [{ width: 1920 }] }, NVENC: {} },
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

test("Larix reads all that it needs off the code", () => {
  const scanned = (name: string) => {
    const link = all.find((e) => e.name === name)!.lines.find((l) => l.scan)!.scan!;
    expect(link).toMatch(/^larix:\/\/set\/v1\?/);
    return Object.fromEntries(new URLSearchParams(link.split('?')[1]));
  };
  expect(scanned('Larix')).toEqual({
    'conn[][name]': 'live', 'conn[][url]': 'rtmp://studio:1935/live/the-key', 'conn[][overwrite]': 'on', 'conn[][active]': 'on', 'enc[vid][keyframe]': '2',
  });
  expect(scanned('Larix, by SRT')).toMatchObject({ 'conn[][url]': 'srt://studio:8890', 'conn[][srtstreamid]': 'the-key', 'conn[][srtlatency]': '300' });
});

test('what a code holds is as secret as what stands beside it', () => {
  for (const line of all.flatMap((e) => e.lines)) {
    expect(!line.scan || line.secret).toBe(true);
  }
});

test('the configuration for OBS holds no key, and its key is beside it', () => {
  const all3 = of('OBS, all sizes by x264');
  expect(JSON.parse(all3['Config Override (JSON)']!)).toEqual({ encoder_configurations: [{ width: 1920 }] });
  expect(all3['Stream key']).toBe('the-key');
  expect(all.some((e) => e.name === 'OBS, all sizes by NVENC')).toBe(true);
});
