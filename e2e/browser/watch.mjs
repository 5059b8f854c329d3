// Opens the pages named on the command line, and tells four times a second how their players are doing.
import { inBrowser, open, report, tell } from './browser.mjs';

await inBrowser(async (browser) => {
  const pages = [];
  for (const url of process.argv.slice(2)) {
    pages.push({ url, page: await open(browser, url) });
  }
  for (;;) {
    for (const { url, page } of pages) {
      tell('report', { url, ...(await report(page)) });
    }
    await new Promise((done) => setTimeout(done, 250));
  }
});
