/** Messages as version 0.1.0 wrote them, by name; the files say how they were made. */
import { readFileSync } from 'node:fs';
import { bytes } from './bytes.ts';

/** The datagrams, or the requests and replies of exchanges, in the order of the file. */
export function goldenMessages(kind: 'datagrams' | 'exchanges'): readonly (readonly [string, Uint8Array])[] {
  return readFileSync(new URL(`../golden/gossip-0.1.0/${kind}.txt`, import.meta.url), 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const [name, hex] = line.split(' ') as [string, string];
      return [name, bytes(hex)];
    });
}
