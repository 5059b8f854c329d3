import { mkdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { chromium, type Browser, type Page } from 'playwright-core';

const shots = resolve(import.meta.dirname, '../out');

export const desktop = { width: 1440, height: 900 };
export const phone = { width: 390, height: 844 };

export function launch(): Promise<Browser> {
  return chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: ['--no-sandbox', '--autoplay-policy=no-user-gesture-required', '--disable-gpu'],
  });
}

/** What the player of a page says of itself. */
export interface Report {
  state: string;
  latency: number | undefined;
  stats: Record<string, number> | undefined;
  time: number;
  height: number;
  rate: number;
  firstPicture: number | undefined;
}

export function report(page: Page): Promise<Report> {
  return page.evaluate(() => {
    const player = document.querySelector('stagecast-player') as unknown as Report & { shadowRoot: ShadowRoot };
    const video = player.shadowRoot.querySelector('video')!;
    return {
      state: player.state,
      latency: player.latency,
      stats: player.stats,
      time: video.currentTime,
      height: video.videoHeight,
      rate: video.playbackRate,
      firstPicture: performance.getEntriesByName('stagecast:first-picture')[0]?.startTime,
    };
  });
}

/** Waits until the player of the page is in this state. */
export async function reaches(page: Page, state: string, timeout = 20_000): Promise<void> {
  await page.waitForFunction(
    (s) => (document.querySelector('stagecast-player') as unknown as { state: string } | null)?.state === s,
    state,
    { timeout, polling: 50 },
  );
}

/** Keeps a picture of the page for people to look at. */
export async function shoot(page: Page, name: string): Promise<void> {
  mkdirSync(shots, { recursive: true });
  await page.evaluate(async () => {
    const root = document.querySelector('stagecast-player')?.shadowRoot ?? document;
    const passing = root.getAnimations().filter((a) => a instanceof CSSTransition);
    await Promise.allSettled(passing.map((a) => a.finished));
  });
  await page.screenshot({ path: resolve(shots, `${name}.png`) });
}
