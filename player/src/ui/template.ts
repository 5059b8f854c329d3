import { icons, mark } from './icons';

/** The player's shadow tree. No value from outside enters it. */
export const template = document.createElement('template');
template.innerHTML = `
<media-controller nohotkeys noautoseektolive defaultstreamtype="live" autohide="3" lang="en">
  <video slot="media" playsinline crossorigin="anonymous"></video>
  <div slot="poster" class="backdrop"><div class="poster" hidden></div><span class="wordmark">${mark}Stagecast</span></div>
  <canvas slot="poster" class="still" hidden></canvas>

  <div slot="centered-chrome" class="overlay" noautohide>
    <div class="spinner" aria-hidden="true"></div>
    <div class="notice" role="status" aria-live="polite"><p class="title"></p><p class="detail"></p></div>
    <button type="button" class="big-play" aria-label="Play" hidden>${icons.play}</button>
  </div>
  <button slot="top-chrome" type="button" class="unmute" noautohide hidden>${icons.volumeOff}<span>Tap to unmute</span></button>

  <media-control-bar class="bar">
    <media-play-button class="control">
      <span slot="play">${icons.play}</span><span slot="pause">${icons.pause}</span>
    </media-play-button>
    <button type="button" class="live" aria-label="Go to live">
      <span class="dot" aria-hidden="true"></span><span class="word">Live</span><span class="latency"></span>
    </button>
    <div class="volume">
      <media-mute-button class="control">
        <span slot="high">${icons.volumeHigh}</span><span slot="medium">${icons.volumeLow}</span>
        <span slot="low">${icons.volumeLow}</span><span slot="off">${icons.volumeOff}</span>
      </media-mute-button>
      <media-volume-range></media-volume-range>
    </div>
    <span class="space"></span>
    <stagecast-menu class="captions" label="Captions" icon="captions" hidden></stagecast-menu>
    <stagecast-menu class="audio" label="Audio" icon="audio" hidden></stagecast-menu>
    <stagecast-menu class="quality" label="Quality" icon="quality" hidden></stagecast-menu>
    <media-pip-button class="control">
      <span slot="enter">${icons.pip}</span><span slot="exit">${icons.pip}</span>
    </media-pip-button>
    <media-fullscreen-button class="control">
      <span slot="enter">${icons.fullscreen}</span><span slot="exit">${icons.exitFullscreen}</span>
    </media-fullscreen-button>
  </media-control-bar>
</media-controller>`;
