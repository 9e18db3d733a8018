/**
 * A node of weft with many routes: a static peer that has them all, and from which nothing comes back.
 *
 * Prefixes are of three lengths, and lie without gaps behind each other from 10.0.0.0 on:
 *
 *     | /26 | /27 | /28 | /28 |   128 addresses, four routes
 */
import { join } from 'node:path';
import { mkdirSync } from 'node:fs';
import { connectWeftPod, startWeftDaemon, type WeftDaemon } from '../rivals/weft.ts';
import { ip, Site } from '../site.ts';

const BLOCK_ADDRESSES = 128;
const block = [
  { offset: 0, lengthBits: 26 },
  { offset: 64, lengthBits: 27 },
  { offset: 96, lengthBits: 28 },
  { offset: 112, lengthBits: 28 },
] as const;

/** On the underlay, and nobody's: what is sent to it is thrown away by the other node's device, at next to no cost. */
const NOBODY = '198.18.0.9';

/** How many addresses `count` of the prefixes cover. */
export function coveredAddresses(count: number): number {
  return Math.ceil(count / block.length) * BLOCK_ADDRESSES;
}

/** The first `count` prefixes. */
export function manyPrefixes(count: number): string[] {
  return Array.from({ length: count }, (_, index) => {
    const { offset, lengthBits } = block[index % block.length]!;
    return `${dotted(Math.floor(index / block.length) * BLOCK_ADDRESSES + offset)}/${lengthBits}`;
  });
}

/** Ten prefixes that cover the first 5 242 880 addresses. */
export function tenPrefixes(): string[] {
  return Array.from({ length: 10 }, (_, index) => `${dotted(index * 2 ** 19)}/13`);
}

/** A daemon with a pod, up until {@link stop}. */
export class RoutingSite {
  readonly site: Site;
  #daemon: WeftDaemon | undefined;

  constructor(name: string) {
    this.site = new Site(name);
  }

  get daemon(): WeftDaemon {
    if (this.#daemon === undefined) throw new TypeError(`${this.site.name} was not started`);
    return this.#daemon;
  }

  /** Starts a daemon that has `prefixes` as routes, besides its own. @param directory of all sites. */
  async start(directory: string, prefixes: readonly string[]): Promise<void> {
    const { site } = this;
    await site.create();
    await ip([`neighbor add ${NOBODY} lladdr 02:00:00:00:00:09 dev eth0 nud permanent`], site.a.netns);
    const home = join(directory, site.name);
    mkdirSync(home);
    const daemon = startWeftDaemon(site.a, home, {
      clusterPrefixes: ['10.0.0.0/8'],
      staticPeers: [{ name: 'nobody', endpoint: NOBODY, mac: '02:00:00:00:00:09', prefixes }],
    });
    this.#daemon = daemon;
    await connectWeftPod(daemon);
    const { control, program } = daemon;
    await program.until('publish its routes', async () => (await control.status()).routes > prefixes.length);
  }

  /** Takes everything down, also after a start that failed. */
  async stop(): Promise<void> {
    await this.#daemon?.program.stop();
    await this.site.remove();
  }
}

function dotted(offset: number): string {
  return `10.${(offset >>> 16) & 0xff}.${(offset >>> 8) & 0xff}.${offset & 0xff}`;
}
