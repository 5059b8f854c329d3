// Publishes a fake camera by WHIP from a page: whip.mjs PAGE ENDPOINT KEY [simulcast] [restart]. It tells twice a second
// how the connection is doing, and ends the session when the test is done.
import { inBrowser, open, tell } from './browser.mjs';

const [url, endpoint, key, ...wishes] = process.argv.slice(2);

/** Runs in the page. */
async function publish({ endpoint, key, simulcast }) {
  const camera = await navigator.mediaDevices.getUserMedia({ video: { width: 1280, height: 720, frameRate: 30 }, audio: true });
  const pc = new RTCPeerConnection({ bundlePolicy: 'max-bundle' });
  const [video] = camera.getVideoTracks();
  const sendEncodings = simulcast
    ? [{ rid: 'low', scaleResolutionDownBy: 4 }, { rid: 'mid', scaleResolutionDownBy: 2 }, { rid: 'high' }]
    : [{ maxBitrate: 1_500_000 }];
  const { sender } = pc.addTransceiver(video, { direction: 'sendonly', streams: [camera], sendEncodings });
  if (!simulcast) {
    // Where the machine or the network is slow, pictures are left out and not made smaller: each size is a publication.
    await sender.setParameters({ ...sender.getParameters(), degradationPreference: 'maintain-resolution' });
  }
  pc.addTransceiver(camera.getAudioTracks()[0], { direction: 'sendonly', streams: [camera] });
  await pc.setLocalDescription();
  const headers = { Authorization: `Bearer ${key}` };
  const answer = await fetch(endpoint, {
    method: 'POST', headers: { ...headers, 'Content-Type': 'application/sdp' }, body: pc.localDescription.sdp,
  });
  if (answer.status !== 201) {
    throw new Error(`${answer.status} ${await answer.text()}`);
  }
  window.session = { pc, headers, location: answer.headers.get('Location'), etag: answer.headers.get('ETag') };
  const sdp = await answer.text();
  await pc.setRemoteDescription({ type: 'answer', sdp });
  return { location: window.session.location, etag: window.session.etag, sdp };
}

/** Runs in the page: ICE begins anew (RFC 9725, 4.3.3). */
async function restart() {
  const { pc, headers, location } = window.session;
  const old = pc.remoteDescription.sdp;
  await pc.setLocalDescription(await pc.createOffer({ iceRestart: true }));
  const pick = (sdp, name) => sdp.match(new RegExp(`a=${name}:(\\S+)`))[1];
  const sdp = pc.localDescription.sdp;
  const body = `a=ice-ufrag:${pick(sdp, 'ice-ufrag')}\r\na=ice-pwd:${pick(sdp, 'ice-pwd')}\r\n`;
  const answer = await fetch(location, {
    method: 'PATCH', headers: { ...headers, 'Content-Type': 'application/trickle-ice-sdpfrag', 'If-Match': '*' }, body,
  });
  if (answer.status !== 200) {
    throw new Error(`${answer.status} ${await answer.text()}`);
  }
  const fragment = await answer.text();
  const fresh = old
    .replace(/a=ice-ufrag:\S+/g, `a=ice-ufrag:${pick(fragment, 'ice-ufrag')}`)
    .replace(/a=ice-pwd:\S+/g, `a=ice-pwd:${pick(fragment, 'ice-pwd')}`);
  await pc.setRemoteDescription({ type: 'answer', sdp: fresh });
  return { etag: answer.headers.get('ETag') };
}

/** Runs in the page. */
async function report() {
  const out = { state: window.session.pc.connectionState, frames: 0, width: 0, text: '' };
  for (const s of (await window.session.pc.getStats()).values()) {
    if (s.type === 'outbound-rtp' && s.kind === 'video') {
      out.frames = Math.max(out.frames, s.framesSent ?? 0);
      out.width = Math.max(out.width, s.frameWidth ?? 0);
      out.text += `${s.rid ?? ''} ${s.frameWidth}x${s.frameHeight} ${s.framesPerSecond} fps, ${s.qualityLimitationReason}, pli ${s.pliCount}, nack ${s.nackCount}; `;
    }
  }
  return out;
}

await inBrowser(
  async (browser) => {
    const page = await open(browser, url);
    tell('published', { text: JSON.stringify(await page.evaluate(publish, { endpoint, key, simulcast: wishes.includes('simulcast') })) });
    let restarts = wishes.includes('restart') ? 1 : 0;
    for (let n = 0; ; n++) {
      const told = await page.evaluate(report);
      tell('sender', told);
      if (restarts > 0 && told.frames > 90) {
        restarts--;
        tell('restarted', { text: JSON.stringify(await page.evaluate(restart)) });
      }
      await new Promise((done) => setTimeout(done, 500));
    }
  },
  ['--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream'],
);
