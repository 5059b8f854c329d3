import { describe, expect, test } from 'vitest';
import { aheadOf, type HoleFacts, join, jumpTarget, rescue } from '../../src/core/holes';

const facts = (f: Partial<HoleFacts>): HoleFacts => ({
  time: 20,
  stalledFor: 1000,
  buffered: [{ start: 10, end: 20 }],
  listed: [{ start: 0, end: 20 }],
  livePosition: 18.5,
  ...f,
});

describe('jumpTarget', () => {
  test('stays while media may still come', () => {
    expect(jumpTarget(facts({}))).toBeUndefined();
    expect(jumpTarget(facts({ stalledFor: 100, listed: [{ start: 26, end: 30 }] }))).toBeUndefined();
  });

  test('stays while the playhead has media ahead of it', () => {
    expect(jumpTarget(facts({ time: 15, listed: [{ start: 26, end: 30 }] }))).toBeUndefined();
  });

  test('waits for enough media beyond the hole', () => {
    const listed = [{ start: 0, end: 20 }, { start: 26, end: 26.5 }];
    expect(jumpTarget(facts({ listed, livePosition: 26 }))).toBeUndefined();
  });

  test('lands inside the media, as near to the live position as it reaches', () => {
    const listed = [{ start: 0, end: 20 }, { start: 26, end: 27 }];
    expect(jumpTarget(facts({ listed, livePosition: 25.5 }))).toBeCloseTo(26.05);
    listed[1]!.end = 40;
    expect(jumpTarget(facts({ listed, livePosition: 38.5 }))).toBeCloseTo(38.5);
    expect(jumpTarget(facts({ listed, livePosition: 50 }))).toBeCloseTo(39.1);
  });

  test('leaves a gap that it was on its way into, but waits for media that are listed', () => {
    const listed = [{ start: 0, end: 20 }, { start: 26, end: 40 }];
    const buffered = [{ start: 30, end: 40 }];
    expect(jumpTarget(facts({ time: 21, seeking: true, listed, buffered: [], livePosition: 38 }))).toBeCloseTo(38);
    expect(jumpTarget(facts({ time: 12, seeking: true, listed, buffered, stalledFor: 20000 }))).toBeUndefined();
  });

  test('leaves the edge of a gap, where the tracks do not begin together', () => {
    const listed = [{ start: 0, end: 20 }, { start: 26, end: 40 }];
    const buffered = [{ start: 26.02, end: 40 }];
    expect(jumpTarget(facts({ time: 26, seeking: true, listed, buffered, livePosition: 26 }))).toBeCloseTo(26.07);
  });

  test('leaves the last moment before a gap, though the media that are listed there have not quite ended', () => {
    const listed = [{ start: 430, end: 440 }, { start: 444, end: 467 }];
    const buffered = [{ start: 430, end: 439.96 }];
    const stuck = facts({ time: 439.939, seeking: true, listed, buffered, livePosition: 465 });
    expect(jumpTarget(stuck)).toBeCloseTo(465);
    expect(jumpTarget({ ...stuck, seeking: false })).toBeCloseTo(465);
  });

  test('takes what is buffered beyond the hole first', () => {
    const buffered = [{ start: 10, end: 20 }, { start: 22, end: 25 }];
    expect(jumpTarget(facts({ buffered, livePosition: 23 }))).toBeCloseTo(23);
  });

  test('gives up on media that is listed and does not come', () => {
    const listed = [{ start: 0, end: 30 }];
    expect(jumpTarget(facts({ listed, livePosition: 28.5 }))).toBeUndefined();
    expect(jumpTarget(facts({ listed, livePosition: 28.5, stalledFor: 5000 }))).toBeCloseTo(28.5);
  });
});

test('join closes what touches and keeps what does not', () => {
  expect(join([{ start: 0, end: 2 }, { start: 2.05, end: 4 }, { start: 6, end: 8 }])).toEqual([
    { start: 0, end: 4 },
    { start: 6, end: 8 },
  ]);
});

test('aheadOf is zero in a hole', () => {
  expect(aheadOf([{ start: 0, end: 4 }], 1)).toBe(3);
  expect(aheadOf([{ start: 0, end: 4 }], 5)).toBe(0);
});

test('rescue seeks to the live edge first, then starts anew, and lets be what has nothing to play', () => {
  const stuck = { stalledFor: 9000, rescuedAgo: Infinity, following: true, beyond: 20 };
  expect(rescue(stuck)).toBe('seek');
  expect(rescue({ ...stuck, stalledFor: 7000 })).toBeUndefined();
  expect(rescue({ ...stuck, rescuedAgo: 3000 })).toBeUndefined();
  expect(rescue({ ...stuck, stalledFor: 18000, rescuedAgo: 9000 })).toBe('rebuild');
  expect(rescue({ ...stuck, beyond: 2 })).toBeUndefined();
  expect(rescue({ ...stuck, following: false })).toBeUndefined();
});
