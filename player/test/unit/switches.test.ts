import { expect, test } from 'vitest';
import { SwitchGuard } from '../../src/core/switches';

test('no step up before the first parts have proved something, any step down', () => {
  const g = new SwitchGuard();
  expect(g.choose(1, 2, 0)).toBe(1);
  expect(g.choose(1, 0, 10)).toBe(0);
  expect(g.choose(1, 2, 3000)).toBe(2);
});

test('after a step down the next step up waits, and ever longer while steps up turn out wrong', () => {
  const g = new SwitchGuard();
  g.choose(2, 2, 0);
  g.switched(2, 1, 10_000);
  expect(g.choose(1, 2, 17_000)).toBe(1);
  expect(g.choose(1, 2, 18_500)).toBe(2);
  g.switched(1, 2, 18_500);
  g.switched(2, 1, 20_000); // wrong: the wait doubles
  expect(g.choose(1, 2, 35_000)).toBe(1);
  expect(g.choose(1, 2, 36_500)).toBe(2);
});

test('a step up that held is no reason to wait longer', () => {
  const g = new SwitchGuard();
  g.choose(0, 0, 0);
  g.switched(0, 1, 5000);
  g.switched(1, 0, 60_000);
  expect(g.choose(0, 1, 67_000)).toBe(0);
  expect(g.choose(0, 1, 68_500)).toBe(1);
});
