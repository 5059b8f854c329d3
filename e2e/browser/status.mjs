// Opens the status page with the operator's token from the environment, and tells what it shows.
import { inBrowser, open, tell } from './browser.mjs';

await inBrowser(async (browser) => {
  const page = await open(browser, process.argv[2]);
  const token = page.locator('input[type=password]');
  await token.fill(process.env.TOKEN);
  await token.press('Enter');
  for (;;) {
    tell('text', { text: await page.evaluate(() => document.body.innerText) });
    await new Promise((done) => setTimeout(done, 250));
  }
});
