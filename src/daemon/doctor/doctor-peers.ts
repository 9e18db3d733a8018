/** What the doctor knows of the other nodes: by itself, and because they were asked. */
import { networkInterfaces } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { PeerAnswer, PeerFacts, Remark, TranslationFacts } from '../../doctor/facts.ts';
import { hostOf } from '../../doctor/endpoint-text.ts';
import { WeftError } from '../../errors.ts';
import { runJsonCommand } from '../../linux/command.ts';
import type { Peer, PeerPath } from '../../api/control-api.ts';
import type { RemoteNodes } from '../remote/remote-nodes.ts';

/** Question to another node: what it is, and what it has seen of the one that asks. */
export const SELF_QUESTION = 'doctor-self';

/** Its answer. */
export interface SelfAnswer {
  readonly vxlanPort: number;
  readonly vni: number;
  /** Packets that came from the caller on the VXLAN port, and were not taken for a stranger's. */
  readonly seen: number;
  /** Of all its devices that are up; absent: there are too many to tell. */
  readonly addresses?: readonly string[];
}

/** Most addresses that a node tells of: one with many containers has very many. */
const MAX_ADDRESSES = 256;

/** Addresses of this machine, as far as devices that are up have any. All, or none: of a part nobody could tell what is missing. */
export function ownAddresses(devices = networkInterfaces()): Pick<SelfAnswer, 'addresses'> {
  const addresses = Object.values(devices).flatMap((ofDevice = []) => ofDevice.map(({ address }) => address));
  const distinct = [...new Set(addresses)];
  return distinct.length <= MAX_ADDRESSES ? { addresses: distinct } : {};
}

/**
 * Most nodes that are asked and whose routes are looked up, those that are out of reach first: in a cluster of thousands nobody
 * waits for all, and each of them looks at others.
 */
const MAX_ASKED = 32;

/** Probes that are sent straight to each node, and to one on whose path some were lost; and what there is between them. */
const BRIEF_TRIAL = { probes: 20, intervalMs: 10 };
const TRIAL = { probes: 50, intervalMs: 20 };
const PROBE_BYTES = 84;

/** Of the probes of the last minutes: more is lost than a burst of traffic explains. */
const NOTABLE_LOSS_RATIO = 0.03;

/** How long is waited for an answer, in ms. */
const PROBE_TIMEOUT_MS = 1_000;

export interface DoctorPeersOptions {
  readonly remote: Pick<RemoteNodes, 'ask' | 'clockOffset'>;
  /** Whether anybody can be asked. */
  readonly canAsk: boolean;
  readonly peers: () => readonly Peer[];
  /** Gossip of the node with this identity that came of late from elsewhere. */
  readonly translationsOf: (identity: string) => readonly TranslationFacts[];
  /** Largest inner packet of this node, in bytes. */
  readonly mtuBytes: number;
  /** Sends one probe of this size straight to the node with this identity: whether it was answered in time; `undefined`: it answers none. */
  readonly probe: (identity: string, sizeBytes: number, timeoutMs: number) => Promise<boolean | undefined>;
}

/** Looks at all peers, tries and asks some. Takes seconds only if one is out of reach. */
export async function inspectPeers(options: DoctorPeersOptions): Promise<PeerFacts[]> {
  const all = options.peers();
  // Those that packets do not go straight to are looked at first.
  const live = all
    .filter(({ state }) => state === 'alive')
    .sort((a, b) => Number(b.relay !== '') - Number(a.relay !== ''));
  const asked = new Set(live.slice(0, MAX_ASKED));
  return await Promise.all(
    all.map(async (peer): Promise<PeerFacts> => {
      const { relay, name, state, since, version, endpoint } = peer;
      const straight = straightPathTo(peer);
      const isAsked = asked.has(peer);
      const [routeDevice, tried] = await Promise.all([
        isAsked ? routeDeviceTo(endpoint) : undefined,
        isAsked ? tryOut(peer, options) : { trial: undefined, said: undefined },
      ]);
      return {
        name,
        state,
        since,
        version,
        endpoint,
        announcedMtuBytes: Math.min(peer.mtuBytes, options.mtuBytes),
        pathMtuBytes: straight.mtuBytes,
        probing: straight.probing,
        lossRatio: straight.lossRatio,
        lossOutRatio: straight.lossOutRatio,
        lossInRatio: straight.lossInRatio,
        relay,
        routeDevice,
        translations: options.translationsOf(peer.identity),
        ...tried,
      };
    }),
  );
}

function straightPathTo({ path, directPath }: Peer): PeerPath {
  return directPath ?? path;
}

async function ask({ name }: Peer, { remote }: DoctorPeersOptions): Promise<PeerAnswer | Remark> {
  return await remarking(async () => {
    const self = await remote.ask<SelfAnswer>(name, SELF_QUESTION, {});
    const { offsetNs, uncertaintyNs } = await remote.clockOffset(name);
    const addresses = Array.isArray(self.addresses) ? self.addresses : undefined;
    return {
      vxlanPort: self.vxlanPort,
      vni: self.vni,
      seen: self.seen,
      ...(addresses !== undefined && { addresses }),
      clockOffsetMs: offsetNs / 1e6,
      clockUncertaintyMs: uncertaintyNs / 1e6,
    };
  });
}

/**
 * Asks, and sends probes; if any is lost, or others were before, more of them. `seen` becomes how many datagrams the node received
 * from here meanwhile, if it tells.
 */
async function tryOut(peer: Peer, options: DoctorPeersOptions): Promise<Pick<PeerFacts, 'trial' | 'said'>> {
  const { name } = peer;
  const { remote, canAsk } = options;
  const [said, brief] = await Promise.all([
    canAsk ? ask(peer, options) : undefined,
    sendProbes(BRIEF_TRIAL, peer, options),
  ]);
  const wasGood = (straightPathTo(peer).lossRatio ?? 0) < NOTABLE_LOSS_RATIO;
  if (brief === undefined || (wasGood && brief.answered === brief.sent)) return { trial: brief, said };
  const isTelling = said !== undefined && 'seen' in said;
  const before = isTelling ? await look(name, remote) : undefined;
  const trial = await sendProbes(TRIAL, peer, options);
  if (!isTelling || before === undefined || !('seen' in before)) return { trial, said };
  const after = await look(name, remote);
  return { trial, said: 'seen' in after ? { ...said, seen: after.seen - before.seen } : said };
}

/** Sends so many probes straight to a node, and counts the answers; `undefined`: it answers none, whatever the way. */
async function sendProbes(
  { probes, intervalMs }: typeof TRIAL,
  { identity }: Peer,
  { probe }: DoctorPeersOptions,
): Promise<PeerFacts['trial']> {
  const outcomes: Promise<boolean | undefined>[] = [];
  for (let sent = 0; sent < probes; sent++) {
    outcomes.push(probe(identity, PROBE_BYTES, PROBE_TIMEOUT_MS));
    await sleep(intervalMs);
  }
  const answers = await Promise.all(outcomes);
  if (answers.every((answer) => answer === undefined)) return undefined;
  return { sent: probes, answered: answers.filter((answer) => answer === true).length };
}

async function look(name: string, remote: DoctorPeersOptions['remote']): Promise<SelfAnswer | Remark> {
  return await remarking(async () => remote.ask<SelfAnswer>(name, SELF_QUESTION, {}));
}

/** What other nodes refuse is a fact, too. */
async function remarking<Answer>(ask: () => Promise<Answer>): Promise<Answer | Remark> {
  try {
    return await ask();
  } catch (error) {
    if (!(error instanceof WeftError)) throw error;
    return { code: error.code, message: error.message };
  }
}

/** Device that the kernel would send to this endpoint through. */
async function routeDeviceTo(endpoint: string): Promise<string | undefined> {
  const address = hostOf(endpoint);
  if (address === '') return undefined;
  try {
    const argv = ['ip', '-json', 'route', 'get', address];
    const [route] = await runJsonCommand<{ readonly dev?: string }[]>(argv, {
      purpose: `find the route to ${address}`,
    });
    return route?.dev;
  } catch {
    // No route at all: that nothing gets there is found otherwise.
    return undefined;
  }
}
