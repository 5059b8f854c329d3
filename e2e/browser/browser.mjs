// What the browser tests and benchmarks share: a page in Chromium, and what is told to the test that waits for it.
//
// A script is a child of a Go test. It writes one JSON object a line, and ends by itself or when its input does.
import { createRequire } from 'node:module';
import { resolve } from 'node:path';

const player = resolve(import.meta.dirname, '../../player');
const { chromium } = createRequire(resolve(player, 'package.json'))('playwright-core');

/** Tells the test. */
export function tell(what, fields = {}) {
  process.stdout.write(`${JSON.stringify({ what, ...fields })}\n`);
}

/** Opens Chromium, with further arguments, runs `script` with it, and closes it, whatever happens. */
export async function inBrowser(script, args = []) {
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
    args: ['--no-sandbox', '--autoplay-policy=no-user-gesture-required', '--disable-gpu', ...args],
  });
  process.stdin.on('end', () => process.exit(0)).resume();
  try {
    await script(browser);
  } catch (error) {
    tell('failed', { text: String(error.stack ?? error) });
    process.exitCode = 1;
  } finally {
    await browser.close();
    process.stdin.pause();
  }
}

/** A new page that tells of every error on its console, but for answers of the network: those are the player's to handle. */
export async function open(browser, url) {
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
  page.on('console', (m) => {
    if (m.type() === 'error' && !m.text().startsWith('Failed to load resource')) {
      tell('console error', { text: m.text() });
    }
  });
  page.on('pageerror', (error) => tell('page error', { text: String(error) }));
  await page.goto(url);
  return page;
}

/** How the player of a page is doing. */
export function report(page) {
  return page.evaluate(() => {
    const player = document.querySelector('stagecast-player');
    const video = player?.shadowRoot?.querySelector('video');
    return {
      state: player?.state ?? '',
      time: video?.currentTime ?? 0,
      ready: video?.readyState ?? 0,
      width: video?.videoWidth ?? 0,
      frames: video?.getVideoPlaybackQuality().totalVideoFrames ?? 0,
    };
  });
}
