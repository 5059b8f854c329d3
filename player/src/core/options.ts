import type { HlsConfig } from 'hls.js';
import { PartAbr } from './abr';

const retry = (maxNumRetry: number, retryDelayMs: number, maxRetryDelayMs: number) => ({
  maxNumRetry,
  retryDelayMs,
  maxRetryDelayMs,
  backoff: 'exponential' as const,
});

/** hls.js's options for a live stream with parts; `estimate` is the bandwidth to begin with, in bit/s. */
export function hlsOptions(estimate: number): Partial<HlsConfig> {
  return {
    lowLatencyMode: true,
    enableWorker: false, // CMAF goes to the browser as it is: a worker would only add a hop to every part
    liveDurationInfinity: true,

    // Rate and distance to the live edge are LatencyController's.
    maxLiveSyncPlaybackRate: 1,
    liveSyncOnStallIncrease: 0,

    startLevel: -1,
    testBandwidth: false,
    abrController: PartAbr,
    abrEwmaDefaultEstimate: estimate,
    abrEwmaDefaultEstimateMax: estimate,
    abrBandWidthFactor: 0.9,
    abrBandWidthUpFactor: 0.7,
    capLevelToPlayerSize: true,

    maxBufferLength: 12, // s; at the live edge there are never more than two or three
    maxMaxBufferLength: 30,
    backBufferLength: 30, // s: as far as the arrow keys are likely to go
    maxBufferHole: 0.1,

    // A reload is held for three target durations at most; past that the connection is dead.
    manifestLoadPolicy: {
      default: { maxTimeToFirstByteMs: 10_000, maxLoadTimeMs: 15_000, timeoutRetry: null, errorRetry: null },
    },
    playlistLoadPolicy: {
      default: {
        maxTimeToFirstByteMs: 10_000,
        maxLoadTimeMs: 15_000,
        timeoutRetry: retry(2, 0, 0),
        errorRetry: retry(3, 500, 4000),
      },
    },
    fragLoadPolicy: {
      default: {
        maxTimeToFirstByteMs: 8000,
        maxLoadTimeMs: 20_000,
        timeoutRetry: retry(2, 0, 0),
        errorRetry: retry(3, 300, 2000),
      },
    },
  };
}
