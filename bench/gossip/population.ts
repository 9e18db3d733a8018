/**
 * A population of nodes that exist in gossip only, as a program: one process that speaks the real protocol for all of them,
 * from one endpoint. One of them is a real membership, which knows the others from the start and tells whoever asks; what
 * is asked of the others (are you there?) is answered in their name.
 *
 *     population.ts ENDPOINT COUNT KEY-FILE [PODS]
 *
 * Each of them has so many pods, none unless said otherwise; they too are told to whoever asks.
 *
 * Writes `ready` when it listens.
 */
import { SealedTransport } from '../../src/authentication/sealed-transport.ts';
import { KeyRing } from '../../src/authentication/key-ring.ts';
import { readKeyFile } from '../../src/daemon/gossip/key-file.ts';
import { systemClock, systemRandom } from '../../src/daemon/process/system-environment.ts';
import { PodDirectory } from '../../src/directory/pod-directory.ts';
import { encodePod } from '../../src/directory/pod-codec.ts';
import { PodSet } from '../../src/directory/pod-set.ts';
import type { GossipTransport } from '../../src/env/transport.ts';
import type { Logger } from '../../src/env/logger.ts';
import { GossipSockets } from '../../src/linux/gossip-sockets.ts';
import { nodeCipher } from '../../src/linux/node-cipher.ts';
import { sealAnnouncement } from '../../src/membership/announcement-codec.ts';
import { encodeDatagram, parseDatagram } from '../../src/membership/codec.ts';
import { Membership } from '../../src/membership/membership.ts';
import type { Claim } from '../../src/membership/message.ts';
import { type Endpoint, equalEndpoints, parseEndpoint } from '../../src/wire/address.ts';
import { NETWORK, populationMember, populationPods } from './population-member.ts';

const quiet: Logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

const [endpointText = '', countText = '', keyFile = '', podsText = '0'] = process.argv.slice(2);
const endpoint = parseEndpoint(endpointText)!;
const podsEach = Number(podsText);
const sets = Array.from({ length: Number(countText) }, (_, index) =>
  PodSet.of(populationPods(index, podsEach).map(encodePod)),
);
const members = sets.map((set, index) => ({
  ...populationMember(index, endpoint),
  ...(podsEach > 0 && { podSummary: { version: 1, digest: set.digest, pods: set.size } }),
}));
const identities = new Set(members.map(({ identity }) => identity));
const [self, ...others] = members;

const sockets = await GossipSockets.open(endpoint, {
  datagram: (from, bytes) => sealed.handleDatagram(from, bytes),
  exchange: (from, bytes) => sealed.handleExchange(from, bytes),
});

const sealed: SealedTransport = new SealedTransport({
  network: NETWORK,
  identity: self!.identity,
  keys: new KeyRing(nodeCipher, { keys: readKeyFile(keyFile).keys, orders: [], outdated: [] }),
  cipher: nodeCipher,
  random: systemRandom,
  ownEndpoint: () => endpoint,
  transport: sockets,
  handlers: {
    datagram: (from, bytes) => {
      const answer = answerOf(bytes);
      if (answer === undefined) membership.handleDatagram(from, bytes);
      else sealed.sendDatagram(from, answer);
    },
    exchange: (from, bytes) => membership.handleExchange(from, bytes),
  },
  clock: systemClock,
  logger: quiet,
});

/** What goes to one of ourselves needs no network. */
const transport: GossipTransport = {
  sendDatagram(to: Endpoint, bytes: Uint8Array): void {
    if (!equalEndpoints(to, endpoint)) return sealed.sendDatagram(to, bytes);
    const answer = answerOf(bytes);
    if (answer !== undefined) setImmediate(() => membership.handleDatagram(endpoint, answer));
  },
  exchange(to, request, onReply): void {
    if (equalEndpoints(to, endpoint)) setImmediate(onReply, undefined);
    else sealed.exchange(to, request, onReply);
  },
};

const directory = new PodDirectory({
  identity: self!.identity,
  clock: systemClock,
  random: systemRandom,
  firstVersion: 1,
  pods: populationPods(0, podsEach),
});
for (const [index, { identity, podSummary }] of members.entries()) {
  if (index > 0 && podSummary !== undefined)
    directory.recall(identity, { ...podSummary, set: sets[index]!, sinceMs: 0 });
}

const membership: Membership = new Membership({
  self: self!,
  pods: directory,
  seeds: [],
  known: others.map((announcement): Claim => {
    const common = { identity: announcement.identity, incarnation: 1, state: 'alive', announcedAt: 1 } as const;
    return { ...common, sealed: sealAnnouncement(announcement), ageSeconds: 0 };
  }),
  clock: systemClock,
  random: systemRandom,
  transport,
  logger: quiet,
  onChange: () => {},
});
directory.attach(
  {
    announcePods: () => {},
    spreadPods: () => {},
    askForPods: (to, request, onAnswer) => membership.askForPods(to, request, onAnswer),
    liveOthers: () => membership.liveOthers(),
    member: (identity) => membership.member(identity),
  },
  membership.members(),
);
membership.start();
// The clock's timers and the sockets alone do not say that there is something to do.
setInterval(() => {}, 60_000);
process.stdout.write('ready\n');

/** The answer to a question about one of the others; `undefined` to anything else. */
function answerOf(bytes: Uint8Array): Uint8Array | undefined {
  const datagram = parseDatagram(bytes, NETWORK);
  if (typeof datagram === 'string') return undefined;
  const { body } = datagram;
  if (body.kind !== 'ping' || body.target === self!.identity || !identities.has(body.target)) return undefined;
  return encodeDatagram(NETWORK, body.target, { kind: 'ack', sequence: body.sequence, target: body.target });
}
