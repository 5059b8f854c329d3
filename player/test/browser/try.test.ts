import { test } from 'vitest';
import { writeFileSync } from 'node:fs';
import { launch, report, desktop } from './browser';
import { MockServer, rung } from '../mock/server';
test('try', async () => {
  const server = new MockServer([rung(320,180,200e3), rung(640,360,600e3), rung(1280,720,1.8e6)]);
  const base = await server.start(); server.live(60);
  const b = await launch(); const ctx = await b.newContext({viewport: desktop}); const page = await ctx.newPage();
  const log: string[] = [];
  const t0=Date.now();
  page.on('console', m => log.push(((Date.now()-t0)/1000).toFixed(2)+' '+m.text().slice(0,330)));
  await page.goto(base + '/live');
  for (let i=0;i<40;i++){ await new Promise(r=>setTimeout(r,500)); const r=await report(page); log.push(`${((Date.now()-t0)/1000).toFixed(2)} ## t=${r.time.toFixed(2)} lat=${r.latency} st=${r.state} ${JSON.stringify(r.stats)}`); }
  writeFileSync('/tmp/hls.log', log.join('\n'));
  await b.close(); await server.stop();
}, 100000);
