/**
 * Runs before the player's script has arrived: asks for what the player will ask first, so that the answer is on its way
 * or in the browser's cache by then.
 */
const name = location.pathname.split('/').filter(Boolean).at(-1);
if (name) {
  for (const file of ['index.m3u8', 'status.json']) {
    fetch(`/${name}/${file}`).catch(() => undefined);
  }
}

export {};
