import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { MockServer } from '../mock/server';
import { desktop, launch, phone } from './browser';

let browser: Browser;
let server: MockServer;
let base: string;
let page: Page;
const key = 'k3y-th4t-n0b0dy-may-see';

beforeAll(async () => {
  browser = await launch();
  server = new MockServer([]);
  base = await server.start();
  server.api['/api/v1/streams/live/connect'] = { rtmp: { server: 'rtmp://studio.example.org:1935/live', key } };
  page = await (await browser.newContext({ viewport: desktop })).newPage();
  await page.goto(base);
});
afterAll(async () => {
  await browser.close();
  await server.stop();
});

const ago = (seconds: number) => new Date(Date.now() - seconds * 1000).toISOString();

function busy(): unknown {
  return {
    version: '0.1.0',
    startedAt: ago(9000),
    now: Date.now(),
    node: { cores: 8, goroutines: 214, memoryBytes: 312e6, cpu: 0.37 },
    machine: {
      devices: {
        ffmpeg: 'ffmpeg version 7.1',
        devices: [
          {
            id: 'nvidia0',
            name: 'NVIDIA H100 80GB HBM3',
            driver: '550.54.15',
            memoryBytes: 80e9,
            trials: [{ codec: 'h264', works: false, reason: 'no encoder on this chip', fix: 'nothing to repair: this chip decodes video and does not encode it' }],
          },
          {
            id: 'cpu',
            name: 'Some Processor',
            cores: 8,
            trials: [
              { codec: 'h264', works: true, speeds: [{ preset: 'veryfast', pixelsPerSecond: 214e6 }] },
              { codec: 'av1', works: false, reason: 'no such encoder in this ffmpeg', fix: 'install an ffmpeg that is built with this encoder' },
            ],
          },
        ],
      },
      slotsFree: 1,
      load: [{ device: 'cpu', share: 0.41 }],
    },
    cluster: {
      node: 'front-1',
      workers: [
        { node: 'worker-1', url: 'http://10.0.0.2:7000', jobs: 1, load: 0.41 },
        { node: 'worker-2', url: 'http://10.0.0.3:7000', jobs: 0, load: 0, draining: true },
      ],
      jobs: { live: { Owner: 'worker-1', Epoch: 1795598948555 } },
      waiting: [{ stream: 'other', since: ago(12) }],
      lines: { live: { node: 'worker-1', epoch: 1795598948555, since: ago(200), move: 'handed over' } },
    },
    streams: [
      {
        name: 'live',
        state: 'live',
        viewers: 1204,
        input: {
          protocol: 'rtmp',
          remote: '203.0.113.9:51022',
          agent: 'obs-studio/31.0.2',
          since: ago(3800),
          video: { codec: 'h264', profile: 'High', width: 1920, height: 1080, fps: 30, bitrate: 6.1e6, keyframeInterval: 4 },
          audio: { codec: 'aac', sampleRate: 48000, channels: 2, bitrate: 160e3 },
          skewMs: 11,
          drops: 0,
          warnings: [
            {
              name: 'keyframes',
              text: 'A key frame comes only every 4 s, so the source cannot be passed through.',
              fix: 'OBS: Settings → Output → Keyframe interval 2 s.',
            },
          ],
        },
        renditions: [
          { name: '720p', codecs: 'avc1.64001f', width: 1280, height: 720, fps: 30, bitrate: 2.8e6, msn: 897777519, part: 2, segments: 30, bytes: 21e6 },
          { name: '480p', codecs: 'avc1.64001f', width: 854, height: 480, fps: 30, bitrate: 1.2e6, msn: 897777519, part: 2, segments: 30, bytes: 9.4e6 },
          { name: 'audio', codecs: 'mp4a.40.2', bitrate: 128e3, msn: 897777519, part: 2, segments: 30, bytes: 0.96e6 },
        ],
        ladder: {
          device: 'cpu',
          preset: 'veryfast',
          note: 'nvidia0: no encoder on this chip',
          speed: 1.41,
          fps: 30,
          restarts: 1,
          dropped: [{ rung: '1080p', reason: 'needs 62 Mpx/s more than this machine can encode' }],
          log: ['[libx264] using cpu capabilities: MMX2 SSE2Fast AVX2', 'frame= 1200 fps= 30 speed=1.41x'],
        },
        urls: { watch: `${base}/live`, hls: `${base}/live/index.m3u8`, embed: `${base}/embed/live` },
      },
      { name: 'rehearsal', state: 'idle', viewers: 0, urls: { watch: `${base}/rehearsal` } },
    ],
    attempts: [
      { at: ago(3800), protocol: 'rtmp', stream: 'live', remote: '203.0.113.9:51022', agent: 'obs-studio/31.0.2', admitted: true, seconds: 3800 },
      {
        at: ago(4100),
        protocol: 'rtmp',
        stream: '',
        remote: '198.51.100.4:40112',
        agent: 'FMLE/3.0',
        admitted: false,
        reason: 'wrong key',
        detail: 'no stream has this key',
        fix: 'Copy the stream key again. OBS: Settings → Stream → Stream Key.',
      },
    ],
  };
}

async function shootBoth(name: string): Promise<void> {
  for (const [size, width] of [[desktop, 1440], [phone, 390]] as const) {
    await page.setViewportSize(size);
    await page.screenshot({ path: new URL(`../out/${name}-${width}.png`, import.meta.url).pathname, fullPage: true });
  }
  await page.setViewportSize(desktop);
}

test('asks for the token, and says when it is wrong', async () => {
  await page.getByRole('textbox').or(page.locator('input[type=password]')).first().fill('wrong');
  await page.keyboard.press('Enter');
  await page.getByRole('alert').filter({ visible: true }).first().waitFor();
  await shootBoth('status-login');
  expect(await page.evaluate(() => sessionStorage.length)).toBe(0);
});

test('shows what the node says, and hides the key until it is asked for', async () => {
  server.api['/api/v1/status'] = busy();
  await page.locator('input[type=password]').first().fill(server.token);
  await page.keyboard.press('Enter');
  await page.getByText('rehearsal').first().waitFor();
  await page.getByText('No: no encoder on this chip').first().waitFor();
  await page.getByText('Yes, 214 Mpx/s with veryfast').first().waitFor();
  await page.getByText('gives its streams away').first().waitFor();
  await page.getByText('live since 3 min ago (handed over)').waitFor();
  await page.getByText(/Encoded by nobody, as no node has room: other for 0:1\d/).waitFor();
  await page.locator('summary').first().click();
  const field = page.getByLabel('Stream key').first();
  await expect.poll(() => field.getAttribute('type')).toBe('password');
  await shootBoth('status-data');
  await page.getByRole('button', { name: 'Show', exact: true }).first().click();
  expect(await field.getAttribute('type')).toBe('text');
  expect(await field.inputValue()).toBe(key);
  expect(server.requests.join(' ')).not.toContain(key);
});

test('shows the code for Larix when it is asked for', async () => {
  await page.getByLabel('Encoder').first().selectOption('Larix');
  const picture = page.getByRole('img', { name: /QR code that sets up Larix/ });
  expect(await picture.count()).toBe(0);
  await page.getByRole('button', { name: 'QR code', exact: true }).click();
  await picture.waitFor();
  expect((await picture.boundingBox())!.width).toBeGreaterThan(200);
  await shootBoth('status-qr');
  await page.getByRole('button', { name: 'Hide QR code' }).click();
  expect(await picture.count()).toBe(0);
});

test('two encoders are shown apart, and the operator changes between them', async () => {
  const status = busy() as { streams: { input: object; inputs?: object }[] };
  const stream = status.streams[0]!;
  const warning = { name: 'frozen picture', text: 'The picture seems to stand still.', fix: "Check the camera and the encoder's scene." };
  const both = [
    { ...stream.input, role: 'primary', onAir: true, score: 60, warnings: [warning] },
    { ...stream.input, role: 'backup', onAir: false, score: 100, protocol: 'srt', warnings: undefined },
  ];
  const last = { from: 'backup', to: 'primary', reason: 'drill', at: ago(70), holeMs: 33 };
  stream.inputs = { onAir: 'primary', last, inputs: both };
  server.api['/api/v1/status'] = status;
  server.api['/api/v1/streams/live/switch'] = { done: true };
  await page.getByRole('heading', { name: 'Primary, on air' }).waitFor();
  await page.getByRole('heading', { name: 'Backup, standing by' }).waitFor();
  await page.getByText('60 of 100').waitFor();
  await page.getByText(warning.text).waitFor();
  await shootBoth('status-inputs');
  await page.setViewportSize(phone);
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(phone.width);
  await page.setViewportSize(desktop);
  const button = page.getByRole('button', { name: 'Switch to backup' });
  await button.focus();
  const looks = server.requests.length;
  await expect.poll(() => server.requests.length, { timeout: 10_000 }).toBeGreaterThan(looks + 1);
  expect(await button.evaluate((b) => b === document.activeElement)).toBe(true);
  await page.keyboard.press('Enter');
  await expect.poll(() => server.requests).toContain('/api/v1/streams/live/switch');
  await page.getByRole('status').filter({ hasText: 'Switching live to the backup' }).waitFor();

  stream.inputs = { onAir: 'slate', inputs: [] };
  await page.getByText('Encoder lost, slate on air').waitFor();
  expect(await page.getByRole('button', { name: 'Switch to backup' }).isVisible()).toBe(false);
});

test('an empty node says so', async () => {
  server.api['/api/v1/status'] = { version: '0.1.0', startedAt: ago(9), now: Date.now(), streams: [], attempts: [] };
  await page.getByText('rehearsal').first().waitFor({ state: 'detached' });
  await shootBoth('status-empty');
});

test('says that the disk is behind', async () => {
  server.api['/api/v1/status'] = { now: Date.now(), streams: [], attempts: [], disk: { waiting: 7e6, problem: 'no space left on device' } };
  const alert = page.getByRole('alert').filter({ visible: true });
  await expect.poll(() => alert.textContent()).toContain('no space left on device');
  expect(await alert.textContent()).toContain('7.0 MB');
  server.api['/api/v1/status'] = { now: Date.now(), streams: [], attempts: [], disk: { waiting: 0 } };
  await alert.waitFor({ state: 'detached' });
});
