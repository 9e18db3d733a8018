/**
 * Nodes that exist in gossip only: one endpoint speaks the real protocol for all of them. The first is a real membership, which knows the
 * others from the start and tells whoever asks; what is asked of the others (are you there?) is answered in their name.
 */
import { SealedTransport } from '../../src/authentication/sealed-transport.ts';
import { KeyRing } from '../../src/authentication/key-ring.ts';
import { readKeyFile } from '../../src/daemon/gossip/key-file.ts';
import { systemClock, systemRandom } from '../../src/daemon/process/system-environment.ts';
import type { DirectoryPod } from '../../src/directory/directory-pod.ts';
import { encodePod } from '../../src/directory/pod-codec.ts';
import { PodDirectory } from '../../src/directory/pod-directory.ts';
import { PodSet } from '../../src/directory/pod-set.ts';
import type { Logger } from '../../src/env/logger.ts';
import type { GossipTransport } from '../../src/env/transport.ts';
import { GossipSockets } from '../../src/linux/gossip-sockets.ts';
import { nodeCipher } from '../../src/linux/node-cipher.ts';
import type { Announcement } from '../../src/membership/announcement.ts';
import { sealAnnouncement } from '../../src/membership/announcement-codec.ts';
import { encodeDatagram, parseDatagram } from '../../src/membership/codec.ts';
import { Membership } from '../../src/membership/membership.ts';
import type { Claim } from '../../src/membership/message.ts';
import { type Endpoint, equalEndpoints } from '../../src/wire/address.ts';
import { NETWORK } from './population-member.ts';

const quiet: Logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

/** One of them. */
export interface PopulationNode {
  readonly announcement: Announcement;
  readonly pods: readonly DirectoryPod[];
}

export interface PopulationOptions {
  readonly endpoint: Endpoint;
  /** All of them are reached at the endpoint. At least one. */
  readonly nodes: readonly PopulationNode[];
  readonly keyFile: string;
  /** Somebody is told at this moment which pods the first one has. */
  readonly onPodsTold?: () => void;
}

export class PopulationGossip {
  readonly #sockets: GossipSockets;
  readonly #membership: Membership;
  readonly #directory: PodDirectory;

  private constructor(sockets: GossipSockets, membership: Membership, directory: PodDirectory) {
    this.#sockets = sockets;
    this.#membership = membership;
    this.#directory = directory;
  }

  /** Listens, and takes part from then on. */
  static async open({ endpoint, nodes, keyFile, onPodsTold }: PopulationOptions): Promise<PopulationGossip> {
    const sets = nodes.map(({ pods }) => PodSet.of(pods.map(encodePod)));
    const members = nodes.map(({ announcement, pods }, index) => ({
      ...announcement,
      ...(pods.length > 0 && {
        podSummary: { version: 1, digest: sets[index]!.digest, pods: sets[index]!.size },
      }),
    }));
    const identities = new Set(members.map(({ identity }) => identity));
    const [self, ...others] = members;
    /** The answer to a question about one of the others; `undefined` to anything else. */
    const answerOf = (bytes: Uint8Array): Uint8Array | undefined => {
      const datagram = parseDatagram(bytes, NETWORK);
      if (typeof datagram === 'string') return undefined;
      const { body } = datagram;
      if (body.kind !== 'ping' || body.target === self!.identity || !identities.has(body.target)) return undefined;
      return encodeDatagram(NETWORK, body.target, { kind: 'ack', sequence: body.sequence, target: body.target });
    };
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
    /** The first one has other pods than anybody was told. What is new is in the next datagram, whatever else is. */
    let isUntold = false;
    const send = (to: Endpoint, bytes: Uint8Array): void => {
      if (isUntold) onPodsTold?.();
      isUntold = false;
      sealed.sendDatagram(to, bytes);
    };
    /** What goes to one of ourselves needs no network. Where news is timed, what would end there goes to those who have a network. */
    const transport: GossipTransport = {
      sendDatagram(to: Endpoint, bytes: Uint8Array): void {
        if (!equalEndpoints(to, endpoint)) return send(to, bytes);
        const answer = answerOf(bytes);
        if (answer !== undefined) return void setImmediate(() => membership.handleDatagram(endpoint, answer));
        if (onPodsTold === undefined) return;
        for (const { announcement } of membership.liveOthers())
          if (!identities.has(announcement.identity)) send(announcement.gossipEndpoint, bytes);
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
      pods: nodes[0]!.pods,
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
        announcePods: (podSummary) => {
          isUntold = true;
          membership.announce({ podSummary });
        },
        spreadPods: (identity, bytes) => membership.spreadPods(identity, bytes),
        askForPods: (to, request, onAnswer) => membership.askForPods(to, request, onAnswer),
        liveOthers: () => membership.liveOthers(),
        member: (identity) => membership.member(identity),
      },
      membership.members(),
    );
    membership.start();
    return new PopulationGossip(sockets, membership, directory);
  }

  /** The first one has these pods from now on. Others hear of it within a second or two. */
  replacePods(pods: readonly DirectoryPod[]): void {
    this.#directory.replaceOwn(pods);
  }

  async close(): Promise<void> {
    this.#directory.stop();
    this.#membership.stop();
    await this.#sockets.close();
  }
}
