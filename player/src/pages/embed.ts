import { StagecastPlayer } from '../ui/element';
import { streamName } from './name';

const name = streamName(location.pathname);
const player = new StagecastPlayer();
document.title = `${name} – Stagecast`;
player.setAttribute('stream', name);
player.setAttribute('poster', `/${name}/poster.jpg`);
document.getElementById('stage')!.append(player);
