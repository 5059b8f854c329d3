import { describe, expect, test } from 'vitest';
import { LatencyController } from '../../src/core/latency';

const holdBack = 1.5;

function controller(): LatencyController {
  const c = new LatencyController();
  c.setHoldBack(holdBack);
  return c;
}

const at = (now: number, latency: number, late = 0.5) => ({ now: 1000 + now, latency, late, following: true });

/** A controller that has watched a good network for a minute. */
function settled(): LatencyController {
  const c = controller();
  for (let now = -70_000; now < 0; now += 250) {
    c.update(at(now, holdBack + 0.2));
  }
  return c;
}

describe('LatencyController', () => {
  test('begins with caution, and comes to the hold-back when nothing is late', () => {
    const c = controller();
    c.update(at(0, 1.7));
    expect(c.target).toBeCloseTo(holdBack + 0.25);
    expect(settled().target).toBe(holdBack);
  });

  test('stays at 1 within the band around the target', () => {
    const c = settled();
    for (let now = 0; now < 60_000; now += 250) {
      expect(c.update(at(now, holdBack + 0.28 * Math.abs(Math.sin(now / 700))))).toEqual({ rate: 1, seek: false });
    }
  });

  test('catches up once it is behind for long enough, and not before the target is reached again', () => {
    const c = settled();
    expect(c.update(at(0, 3)).rate).toBe(1);
    expect(c.update(at(1900, 3)).rate).toBe(1);
    expect(c.update(at(2100, 3)).rate).toBe(1.05);
    expect(c.update(at(9000, 1.6)).rate).toBe(1.05);
    expect(c.update(at(12_000, 1.52)).rate).toBe(1);
  });

  test('one late part is no reason', () => {
    const c = settled();
    expect(c.update(at(0, 3)).rate).toBe(1);
    expect(c.update(at(500, 1.6)).rate).toBe(1);
    expect(c.update(at(2600, 3)).rate).toBe(1);
  });

  test('seeks when it is far behind, and gives the seek time to work', () => {
    const c = settled();
    expect(c.update(at(0, 30))).toEqual({ rate: 1, seek: true });
    expect(c.update(at(1000, 30)).seek).toBe(false);
    expect(c.update(at(5000, 30)).seek).toBe(true);
  });

  test('moves away before the buffer is empty, and goes all the way', () => {
    const c = settled();
    expect(c.update(at(0, 1.6, 1.55)).rate).toBe(0.95);
    expect(c.target).toBeCloseTo(1.8);
    expect(c.update(at(250, 1.7)).rate).toBe(0.95);
    expect(c.update(at(500, 1.8)).rate).toBe(1);
  });

  test('one event moves the target by half a second at most, a second one as far again, to a limit', () => {
    const c = settled();
    c.update(at(0, 2, 2));
    c.update(at(250, 5, 4));
    expect(c.target).toBeCloseTo(2);
    c.update(at(20_000, 5, 4));
    expect(c.target).toBeCloseTo(2.5);
    for (let n = 2; n < 10; n++) {
      c.update(at(n * 20_000, 5, 4));
    }
    expect(c.target).toBeCloseTo(holdBack + 2);
  });

  test('forgets what was late', () => {
    const c = settled();
    c.update(at(0, 2, 2));
    c.update(at(180_000, 2));
    expect(c.target).toBeCloseTo(holdBack + 0.5);
    c.update(at(240_000, 2));
    expect(c.target).toBeCloseTo(holdBack + 0.25);
    c.update(at(310_000, 2));
    expect(c.target).toBe(holdBack);
  });

  test('a buffer that was just begun teaches nothing', () => {
    const c = controller();
    c.update(at(0, 1.7, 1.7));
    expect(c.target).toBeCloseTo(holdBack + 0.25);
    const jumped = settled();
    jumped.jumped();
    jumped.update(at(0, 1.6, 1.6));
    expect(jumped.target).toBe(holdBack);
    jumped.update(at(4000, 1.6, 1.6));
    expect(jumped.target).toBeCloseTo(1.85);
  });

  test('leaves a viewer alone who has gone back or paused', () => {
    expect(controller().update({ now: 0, latency: 60, late: 50, following: false })).toEqual({ rate: 1, seek: false });
  });
});
