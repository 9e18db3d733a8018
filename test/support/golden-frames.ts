/** Ethernet frames that a Linux kernel made, by name; `test/golden/frames.txt` says how they were captured. */
import { readFileSync } from 'node:fs';
import { bytes } from './bytes.ts';

/** All frames, in the order of the file. */
export const goldenFrames: ReadonlyMap<string, Uint8Array> = new Map(
  readFileSync(new URL('../golden/frames.txt', import.meta.url), 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const [name, hex] = line.split(' ') as [string, string];
      return [name, bytes(hex)];
    }),
);

/** The frame of that name. */
export function goldenFrame(name: string): Uint8Array {
  const frame = goldenFrames.get(name);
  if (!frame) throw new RangeError(`no golden frame is named ${name}`);
  return frame;
}

/** The IP packet in the frame of that name. */
export function goldenPacket(name: string): Uint8Array {
  return goldenFrame(name).slice(14);
}
