import { describe, expect, test } from 'vitest';
import { LatencyController } from '../../src/core/latency';

function controller(): LatencyController {
  const c = new LatencyController();
  c.setHoldBack(1.5);
  return c;
}

const at = (now: number, latency: number, buffer = 1) => ({ now: 1000 + now, latency, buffer, following: true });

describe('LatencyController', () => {
  test('stays at 1 within the band around the target', () => {
    const c = controller();
    for (let now = 0; now < 60_000; now += 250) {
      expect(c.update(at(now, 1.5 + 0.7 * Math.abs(Math.sin(now / 700))))).toEqual({ rate: 1, seek: false });
    }
  });

  test('catches up once it is behind for long enough, and not before the target is reached again', () => {
    const c = controller();
    expect(c.update(at(0, 3)).rate).toBe(1);
    expect(c.update(at(1900, 3)).rate).toBe(1);
    expect(c.update(at(2100, 3)).rate).toBe(1.05);
    expect(c.update(at(9000, 1.9)).rate).toBe(1.05);
    expect(c.update(at(12_000, 1.55)).rate).toBe(1);
  });

  test('one late part is no reason', () => {
    const c = controller();
    expect(c.update(at(0, 3)).rate).toBe(1);
    expect(c.update(at(500, 1.6)).rate).toBe(1);
    expect(c.update(at(2600, 3)).rate).toBe(1);
  });

  test('seeks when it is far behind, and gives the seek time to work', () => {
    const c = controller();
    expect(c.update(at(0, 30))).toEqual({ rate: 1, seek: true });
    expect(c.update(at(1000, 30)).seek).toBe(false);
    expect(c.update(at(5000, 30)).seek).toBe(true);
  });

  test('slows down only when a stall is near', () => {
    const c = controller();
    expect(c.update(at(0, 1.5, 0.2)).rate).toBe(0.95);
    expect(c.update(at(500, 1.5, 1)).rate).toBe(0.95);
    expect(c.update(at(2600, 1.5, 1)).rate).toBe(1);
  });

  test('a stall moves the target away, and time brings it back', () => {
    const c = controller();
    c.stalled(1000);
    expect(c.target).toBe(2);
    for (let i = 0; i < 10; i++) {
      c.stalled(1001);
    }
    expect(c.target).toBe(3.5);
    c.update(at(61_500, 3));
    expect(c.target).toBe(3);
  });

  test('leaves a viewer alone who has gone back or paused', () => {
    expect(controller().update({ now: 0, latency: 60, buffer: 1, following: false })).toEqual({ rate: 1, seek: false });
  });
});
