import { expect, test } from 'vitest';
import { ago, bitrate, bytes, clock, rungNames, seconds } from '../../src/core/format';

test('figures are written as people read them', () => {
  expect(seconds(1.84)).toBe('1.8 s');
  expect(seconds(undefined)).toBe('–');
  expect(clock(10_809)).toBe('3:00:09');
  expect(bitrate(2_800_000)).toBe('2.8 Mb/s');
  expect(bitrate(0)).toBe('–');
  expect(bytes(1_400_000)).toBe('1.4 MB');
  expect(ago(40_000)).toBe('40 s ago');
});

test('rungs are named by their shorter side, and told apart where that is not enough', () => {
  const rung = (width: number, height: number, bitrate: number, frameRate = 30) => ({ width, height, bitrate, frameRate });
  expect(rungNames([rung(1280, 720, 2e6), rung(720, 1280, 1e6), rung(1920, 1080, 4e6, 60)])).toEqual([
    '720p 2.0 Mb/s',
    '720p 1.0 Mb/s',
    '1080p60',
  ]);
});
