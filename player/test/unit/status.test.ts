import { expect, test } from 'vitest';
import { Backoff } from '../../src/core/backoff';
import { PartBandwidth } from '../../src/core/bandwidth';
import { ServerClock } from '../../src/core/clock';
import { readStatus } from '../../src/core/status';

test('any answer is read, whatever is missing or wrong in it', () => {
  expect(readStatus(null).state).toBe('unknown');
  expect(readStatus({ state: 'dancing', viewers: 'many' })).toMatchObject({ state: 'unknown', viewers: 0 });
  expect(readStatus({ state: 'live', generation: 7, now: 1 })).toMatchObject({ state: 'live', generation: 7, now: 1 });
});

test('waits double up to a limit, and start over', () => {
  const b = new Backoff(100, 1000, () => 0.5);
  expect([b.next(), b.next(), b.next(), b.next(), b.next()]).toEqual([100, 200, 400, 800, 1000]);
  b.reset();
  expect(b.next()).toBe(100);
});

test('of several guesses at the server’s clock the one that waited least counts', () => {
  const c = new ServerClock();
  expect(c.at(1000)).toBe(1000);
  c.sample(5000, 1000, 1000); // straight from the server
  c.sample(4500, 1000, 1000); // half a second in a cache
  expect(c.at(2000)).toBe(6000);
});

test('one part out of a cache does not lift the estimate, and slow ones lower it', () => {
  const b = new PartBandwidth(1e6);
  expect(b.getEstimate()).toBe(1e6);
  for (let i = 0; i < 20; i++) {
    b.sample(100, 50_000);
  }
  expect(b.getEstimate()).toBeCloseTo(4e6, -4);
  b.sample(0, 50_000);
  expect(b.getEstimate()).toBeLessThan(6e6);
  for (let i = 0; i < 8; i++) {
    b.sample(400, 50_000);
  }
  expect(b.getEstimate()).toBeLessThan(1.6e6);
});
