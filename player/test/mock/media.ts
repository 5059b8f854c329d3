import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** One track as ffmpeg made it: an initialisation section and a loop of fragments of equal length. */
export interface Track {
  name: string;
  init: Buffer;
  fragments: Buffer[];
  /** Length of one fragment in ticks of `clockRate`. */
  ticks: number;
  clockRate: number;
}

export interface Rung extends Track {
  width: number;
  height: number;
  bandwidth: number;
}

const folder = join(tmpdir(), 'stagecast-player-media');
const loop = 16; // s
const codec = ['-c:v', 'libx264', '-preset', 'ultrafast', '-tune', 'zerolatency', '-pix_fmt', 'yuv420p', '-profile:v', 'main'];
const keys = ['-g', '60', '-keyint_min', '60', '-sc_threshold', '0', '-bf', '0'];
const movflags = '+empty_moov+default_base_moof+skip_trailer';

/** A rung of half-second fragments, with a key frame every two seconds. */
export function rung(width: number, height: number, bitrate: number): Rung {
  const name = `${height}p`;
  const input = `testsrc2=s=${width}x${height}:r=30:d=${loop}`;
  const rate = ['-b:v', String(bitrate), '-maxrate', String(bitrate), '-bufsize', String(bitrate)];
  const boxes = read(name, ['-f', 'lavfi', '-i', input, ...codec, ...keys, ...rate, '-video_track_timescale', '90000'], 500_000);
  return { name, ...boxes, ticks: 45_000, clockRate: 90_000, width, height, bandwidth: Math.round(bitrate * 1.3) };
}

/** A track of sound in fragments of 23 AAC frames. */
export function sound(): Track {
  const input = `sine=f=330:r=48000:d=${loop + 1}`;
  const boxes = read('audio', ['-f', 'lavfi', '-i', input, '-c:a', 'aac', '-b:a', '96k', '-ac', '2'], 490_000);
  return { name: 'audio', init: boxes.init, fragments: boxes.fragments.slice(1, 33), ticks: 23 * 1024, clockRate: 48_000 };
}

function read(name: string, args: string[], fragment: number): { init: Buffer; fragments: Buffer[] } {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `${name}.mp4`);
  if (!existsSync(path)) {
    const out = ['-movflags', movflags, '-frag_duration', String(fragment), '-min_frag_duration', String(fragment), path];
    execFileSync('ffmpeg', ['-hide_banner', '-loglevel', 'error', '-y', ...args, ...out]);
  }
  return split(readFileSync(path));
}

function split(file: Buffer): { init: Buffer; fragments: Buffer[] } {
  const cuts: number[] = [];
  for (let at = 0; at < file.length; at += file.readUInt32BE(at)) {
    if (file.toString('latin1', at + 4, at + 8) === 'moof') {
      cuts.push(at);
    }
  }
  return { init: file.subarray(0, cuts[0]), fragments: cuts.map((at, i) => file.subarray(at, cuts[i + 1] ?? file.length)) };
}

/** Fragment `k` of the endless track: a copy of the loop's, with its decode time set to k fragments since the Unix epoch. */
export function fragment(track: Track, k: number): Buffer {
  const bytes = Buffer.from(track.fragments[k % track.fragments.length]!);
  const at = bytes.indexOf('tfdt', 0, 'latin1');
  if (bytes[at + 4] !== 1) {
    throw new Error('tfdt of 32 bits');
  }
  bytes.writeBigUInt64BE(BigInt(k) * BigInt(track.ticks), at + 8);
  return bytes;
}
