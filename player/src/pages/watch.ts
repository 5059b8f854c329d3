import { ago, viewers } from '../core/format';
import type { StreamStatus } from '../core/status';
import type { View } from '../core/view';
import { StagecastPlayer } from '../ui/element';
import { mark } from '../ui/icons';
import { copy, dress } from './clipboard';
import { streamName } from './name';

const labels: Record<View, string> = {
  loading: 'Connecting',
  starting: 'Starting soon',
  live: 'Live',
  paused: 'Paused',
  buffering: 'Buffering',
  reconnecting: 'Reconnecting',
  ended: 'Ended',
  offline: 'Offline',
  unsupported: 'Not supported',
};

const byId = <T extends HTMLElement = HTMLElement>(id: string) => document.getElementById(id) as T;
const name = streamName(location.pathname);
const player = new StagecastPlayer();
let missing = false;

function showStatus(s: StreamStatus): void {
  missing = s.state === 'missing';
  showState(player.state);
  const title = s.title || name;
  byId('title').textContent = title;
  document.title = `${title} – Stagecast`;
  const onAir = s.state === 'live' || s.state === 'reconnecting';
  byId('viewers').textContent = viewers(s.viewers);
  byId('viewers').hidden = !onAir || s.viewers === 0;
  byId('since').hidden = !onAir || s.startedAt === 0;
  byId('since').textContent = `Started ${ago((s.now || Date.now()) - s.startedAt)}`;
}

function showState(v: View): void {
  const pill = byId('state');
  pill.dataset['view'] = v;
  pill.textContent = missing && v === 'starting' ? 'Not on air' : labels[v];
}

function embedCode(): string {
  const src = new URL(`/embed/${encodeURIComponent(name)}`, location.origin).href;
  return `<iframe src="${src}" title="Live: ${name.replaceAll('"', '')}" width="960" height="540" style="border:0;max-width:100%;aspect-ratio:16/9;height:auto" allow="autoplay; fullscreen; picture-in-picture" allowfullscreen></iframe>`;
}

function wireActions(): void {
  const said = byId('said');
  const [share, embed, panel, code] = [byId('share'), byId('embed'), byId('embed-panel'), byId<HTMLTextAreaElement>('embed-code')];
  dress(share, 'link', 'Copy link');
  dress(embed, 'code', 'Embed');
  dress(byId('copy-embed'), 'copy', 'Copy code');
  share.addEventListener('click', () => void copy(location.href, share, said));
  code.value = embedCode();
  code.addEventListener('focus', () => code.select());
  embed.addEventListener('click', () => {
    panel.hidden = !panel.hidden;
    embed.setAttribute('aria-expanded', String(!panel.hidden));
  });
  byId('copy-embed').addEventListener('click', () => void copy(code.value, byId('copy-embed'), said));
}

document.querySelector('.brand .mark')!.outerHTML = mark;
byId('title').textContent = name;
document.title = `${name} – Stagecast`;
player.setAttribute('stream', name);
player.setAttribute('poster', `/${name}/poster.jpg`);
player.addEventListener('stagecast-status', (e) => showStatus((e as CustomEvent<StreamStatus>).detail));
player.addEventListener('stagecast-state', (e) => showState((e as CustomEvent<View>).detail));
byId('stage').append(player);
wireActions();
