// Reads the clock in the pictures of a page for some seconds, and tells how old they were when they were shown.
import { inBrowser, open, tell } from './browser.mjs';

const [url, seconds] = process.argv.slice(2);

await inBrowser(async (browser) => {
  const page = await open(browser, url);
  const found = await page.evaluate(async (seconds) => {
    const player = document.querySelector('stagecast-player');
    const video = () => player.shadowRoot.querySelector('video');
    while (!video() || video().readyState < 3 || video().videoWidth === 0) {
      await new Promise((done) => setTimeout(done, 50));
    }
    await new Promise((done) => setTimeout(done, 5000)); // the player settles
    const canvas = new OffscreenCanvas(640, 20);
    const context = canvas.getContext('2d', { willReadFrequently: true });
    const ages = [];
    const before = { ...player.stats };
    const until = performance.now() + seconds * 1000;
    let n = 0;
    await new Promise((done) => {
      const look = (_, frame) => {
        const v = video();
        if (n++ % 6 === 0) {
          const shown = performance.timeOrigin + frame.expectedDisplayTime;
          context.drawImage(v, 0, 0, v.videoWidth, (v.videoHeight * 36) / 360, 0, 0, 640, 20);
          const data = context.getImageData(0, 10, 640, 1).data;
          let clock = 0;
          for (let bit = 47; bit >= 0; bit--) {
            clock = clock * 2 + (data[Math.floor(((bit + 0.5) * 640) / 48) * 4] > 128 ? 1 : 0);
          }
          if (Math.abs(shown - clock) < 60000) {
            ages.push(shown - clock);
          }
        }
        if (performance.now() < until) {
          v.requestVideoFrameCallback(look);
        } else {
          done();
        }
      };
      video().requestVideoFrameCallback(look);
    });
    ages.sort((a, b) => a - b);
    const at = (q) => Math.round(ages[Math.floor((ages.length - 1) * q)]);
    const after = player.stats;
    return {
      pictures: ages.length, medianMs: at(0.5), p05Ms: at(0.05), p95Ms: at(0.95), maxMs: at(1),
      stalls: after.stalls - before.stalls, rateChanges: after.rateChanges - before.rateChanges, switches: after.switches - before.switches,
    };
  }, Number(seconds));
  tell('figures', found);
});
