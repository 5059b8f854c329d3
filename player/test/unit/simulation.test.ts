import { describe, expect, test } from 'vitest';
import { LatencyController } from '../../src/core/latency';

const tick = 0.05; // s
const part = 0.334; // s
const holdBack = 3 * part;

/**
 * Ten minutes of a player, after one in which it learns, on a network that has delivered by the time t all that was made
 * by t minus delay(t).
 */
function play(delay: (t: number) => number) {
  const c = new LatencyController();
  c.setHoldBack(holdBack);
  const latencies: number[] = [];
  let [buffered, head, rate, dry, stalls, rateChanges] = [0, -holdBack - 0.6, 1, false, 0, 0];
  for (let n = 0; n * tick < 660; n++) {
    const t = n * tick;
    buffered = Math.max(buffered, Math.floor((t - delay(t)) / part) * part);
    const to = Math.min(head + rate * tick, buffered);
    const stands = to - head < tick / 4;
    stalls += stands && !dry ? 1 : 0;
    [head, dry] = [to, stands];
    if (n % 5 === 0) {
      const decision = c.update({ now: 1000 * t, latency: t - head, late: t - buffered, following: true });
      rateChanges += decision.rate !== rate ? 1 : 0;
      rate = decision.rate;
    }
    if (t <= 60) {
      [stalls, rateChanges] = [0, 0];
    } else {
      latencies.push(t - head);
    }
  }
  latencies.sort((a, b) => a - b);
  return { stalls, rateChanges, median: latencies[latencies.length >> 1] ?? NaN, last: latencies.at(-1) ?? NaN };
}

/** Every `every` seconds nothing comes for `outage` seconds, and then all that was made meanwhile. */
const outages = (outage: number, every: number) => (t: number) => 0.05 + Math.max(0, (t % every) - (every - outage));

/** Outages at random moments and of random lengths, 0.2 s in the mean, about every eight seconds. */
function shaky(seed: number): (t: number) => number {
  let state = seed;
  const random = () => (state = (state * 48271) % 2147483647) / 2147483647;
  let [begins, ends] = [0, 0];
  return (t) => {
    while (t >= ends) {
      begins = ends - 8 * Math.log(1 - random());
      ends = begins - 0.2 * Math.log(1 - random());
    }
    return 0.05 + Math.max(0, t - begins);
  };
}

describe('ten minutes of a player', () => {
  test('a good network: near the hold-back, without a change', () => {
    const o = play(() => 0.05);
    expect(o).toMatchObject({ stalls: 0, rateChanges: 0 });
    expect(o.last).toBeLessThan(holdBack + 0.35);
  });

  test.each([20, 45, 90, 170])('outages every %d s: the first teaches what the others are like', (every) => {
    for (const outage of [0.5, 0.8, 1.1]) {
      const o = play(outages(outage, every));
      expect(o.stalls, `${outage} s`).toBeLessThanOrEqual(1);
      expect(o.rateChanges, `${outage} s`).toBeLessThanOrEqual(2);
      expect(o.median, `${outage} s`).toBeLessThan(1.6);
    }
  });

  test.each([1, 2, 3, 4, 5, 6, 7, 8])('a shaky network, seed %d', (seed) => {
    const o = play(shaky(seed));
    expect(o.stalls).toBeLessThanOrEqual(2);
    expect(o.rateChanges).toBeLessThanOrEqual(10);
    expect(o.median).toBeLessThan(1.9);
  });

  test('a network that was bad for a minute is forgiven', () => {
    const bad = outages(1.2, 15);
    const o = play((t) => (t > 60 && t < 120 ? bad(t) : 0.05));
    expect(o.last).toBeLessThan(2.4);
    expect(o.median).toBeLessThan(1.6);
  });
});
