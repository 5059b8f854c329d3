import { test } from 'vitest';
import { launch, report, desktop } from './browser';
import { MockServer, rung } from '../mock/server';
test('try', async () => {
  const server = new MockServer([rung(320,180,200e3), rung(640,360,600e3), rung(1280,720,1.8e6)]);
  const base = await server.start(); server.live(30);
  const b = await launch(); const ctx = await b.newContext({viewport: desktop}); const page = await ctx.newPage();
  await page.goto(base + '/live'); await new Promise(r=>setTimeout(r,3000));
  server.stream.interrupt(); server.stream.ended = true; server.set({ state: 'ended' });
  for (let i=0;i<12;i++){ await new Promise(r=>setTimeout(r,1000)); const r = await report(page);
   console.log(r.state, r.time, r.latency, JSON.stringify(r.stats), await page.evaluate(()=>{const p=document.querySelector('stagecast-player') as any; const v=p.shadowRoot.querySelector('video'); return JSON.stringify({paused:v.paused,ended:v.ended,dur:v.duration,seeking:v.seeking,rs:v.readyState,live:p.hls?.latestLevelDetails?.live, motion:p.engine.playhead.motion, server:p.server, sf:p.engine.playhead.stalledFor(performance.now())})})); }
  await b.close(); await server.stop();
}, 100000);
