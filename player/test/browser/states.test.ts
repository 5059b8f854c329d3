import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { MockServer, rung } from '../mock/server';
import { desktop, launch, phone, reaches, report, shoot } from './browser';

let browser: Browser;
let server: MockServer;
let base: string;
let page: Page;

beforeAll(async () => {
  browser = await launch();
});
afterAll(async () => {
  await browser.close();
});
beforeEach(async () => {
  server = new MockServer([rung(320, 180, 200e3), rung(640, 360, 600e3), rung(1280, 720, 1.8e6)]);
  base = await server.start();
  page = await (await browser.newContext({ viewport: desktop })).newPage();
});
afterEach(async () => {
  await page.context().close();
  await server.stop();
});

/** Waits until the playhead of the page has moved on by `seconds`. */
async function moves(seconds: number): Promise<void> {
  const from = (await report(page)).time;
  await expect.poll(async () => (await report(page)).time, { timeout: 20_000 }).toBeGreaterThan(from + seconds);
}

/** Pictures of the page as it is now, wide and narrow. */
async function shootBoth(name: string): Promise<void> {
  await page.mouse.move(700, 400);
  await shoot(page, `${name}-1440`);
  await page.setViewportSize(phone);
  await page.mouse.move(200, 150);
  await shoot(page, `${name}-390`);
  await page.setViewportSize(desktop);
}

describe('the watch page', () => {
  test('waits, and plays by itself when the broadcast begins', async () => {
    await page.goto(`${base}/live`);
    await reaches(page, 'starting');
    await shootBoth('starting');
    server.live(20);
    await reaches(page, 'live');
  });

  test('plays near the live edge, without stalls, changes of rate or needless switches', async () => {
    server.live(60);
    server.set({ title: 'Evening concert from the old town hall', viewers: 1204 });
    await page.goto(`${base}/live`);
    await reaches(page, 'live');
    await moves(8);
    await shootBoth('live');
    const r = await report(page);
    expect(r.stats).toMatchObject({ stalls: 0, jumps: 0, resyncs: 0, rebuilds: 0 });
    expect(r.latency).toBeLessThan(3.5);
    expect(r.height).toBe(720);
    expect(r.firstPicture).toBeDefined();
  });

  test('keeps the last picture while the encoder is away, and comes back to the live edge', async () => {
    server.live(30);
    await page.goto(`${base}/live`);
    await reaches(page, 'live');
    await moves(1);
    server.stream.interrupt();
    server.set({ state: 'reconnecting' });
    await reaches(page, 'reconnecting');
    await shootBoth('reconnecting');
    server.stream.begin();
    server.set({ state: 'live' });
    await reaches(page, 'live');
    await moves(3);
    const r = await report(page);
    expect(r.latency).toBeLessThan(5);
    expect(r.stats!['rebuilds']).toBe(0);
  });

  test('says when the broadcast has ended, and plays the next one', async () => {
    server.live(30);
    await page.goto(`${base}/live`);
    await reaches(page, 'live');
    server.stream.interrupt();
    server.stream.ended = true;
    server.set({ state: 'ended' });
    await reaches(page, 'ended');
    await shootBoth('ended');
    server.stream.onAir = [];
    server.live(10);
    server.set({ generation: 2 });
    await reaches(page, 'live');
    await moves(2);
  });

  test('loads the source anew when its tracks change', async () => {
    server.live(30);
    await page.goto(`${base}/live`);
    await reaches(page, 'live');
    server.set({ generation: 2 });
    await expect.poll(async () => (await report(page)).stats!['rebuilds'], { timeout: 15_000 }).toBe(1);
    await reaches(page, 'live');
    await moves(2);
  });

  test('tells of a lost network, and recovers when it is back', async () => {
    server.live(30);
    await page.goto(`${base}/live`);
    await reaches(page, 'live');
    server.cut(true);
    await reaches(page, 'offline');
    await shootBoth('offline');
    server.cut(false);
    await reaches(page, 'live', 30_000);
    await moves(2);
    expect((await report(page)).latency).toBeLessThan(9);
  });

  test('goes down the ladder on a slow network, and up again when it has recovered', async () => {
    server.live(60);
    await page.goto(`${base}/live`);
    await reaches(page, 'live');
    await moves(2);
    server.rate = 90_000;
    await expect.poll(async () => (await report(page)).height, { timeout: 30_000 }).toBeLessThan(720);
    server.rate = 0;
    await expect.poll(async () => (await report(page)).height, { timeout: 40_000 }).toBe(720);
  });

  test('obeys the keyboard', async () => {
    server.live(60);
    await page.goto(`${base}/live`);
    await reaches(page, 'live');
    await page.keyboard.press('k');
    await reaches(page, 'paused');
    await shootBoth('paused');
    await page.keyboard.press('l');
    await reaches(page, 'live');
    await page.keyboard.press('ArrowLeft');
    await page.keyboard.press('ArrowLeft');
    await expect.poll(async () => (await report(page)).latency, { timeout: 10_000 }).toBeGreaterThan(8);
    await page.keyboard.press('l');
    await expect.poll(async () => (await report(page)).latency, { timeout: 10_000 }).toBeLessThan(5);
  });
});
