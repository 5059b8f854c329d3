// Opens a page some times, and tells how long each took to its first picture.
import { inBrowser, open, tell } from './browser.mjs';

const [url, times] = process.argv.slice(2);

await inBrowser(async (browser) => {
  const took = [];
  for (let i = 0; i < Number(times); i++) {
    const page = await open(browser, url);
    tell('open');
    await page.waitForFunction(() => performance.getEntriesByName('stagecast:first-picture').length > 0, undefined, { timeout: 60000 });
    const [ms, origin] = await page.evaluate(() => [performance.getEntriesByName('stagecast:first-picture')[0].startTime, performance.timeOrigin]);
    tell('picture', { time: origin + ms });
    took.push(Math.round(ms));
    await page.close();
  }
  took.sort((a, b) => a - b);
  tell('figures', { opened: took.length, medianMs: took[Math.floor(took.length / 2)], minMs: took[0], maxMs: took.at(-1) });
});
