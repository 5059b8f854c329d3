const widest = 1280; // px: it is on screen for a moment

/** Copies the video's present picture to a canvas and shows it, so that a change of source leaves no black hole. */
export function showStill(canvas: HTMLCanvasElement, video: HTMLVideoElement): void {
  if (video.videoWidth === 0) {
    return;
  }
  const scale = Math.min(1, widest / video.videoWidth);
  canvas.width = Math.round(video.videoWidth * scale);
  canvas.height = Math.round(video.videoHeight * scale);
  canvas.getContext('2d')?.drawImage(video, 0, 0, canvas.width, canvas.height);
  canvas.hidden = false;
}
