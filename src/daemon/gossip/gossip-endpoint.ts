/** Where gossip comes in and goes out: sockets on one port, and in front of them the seal if the cluster has keys. */
import { EnvelopeKind, isEnvelope } from '../../authentication/envelope.ts';
import type { ClusterKeys } from '../../authentication/sealed-gossip.ts';
import { SealedTransport } from '../../authentication/sealed-transport.ts';
import type { Sighting } from '../../authentication/sightings.ts';
import type { Logger } from '../../env/logger.ts';
import type { GossipTransport } from '../../env/transport.ts';
import { WeftError } from '../../errors.ts';
import type { GossipPaths } from '../../linux/gossip-segments.ts';
import { GossipSockets } from '../../linux/gossip-sockets.ts';
import type { StreamLimits, StreamTaker } from '../../linux/inbound-streams.ts';
import { nodeCipher } from '../../linux/node-cipher.ts';
import type { Announcement } from '../../membership/announcement.ts';
import type { Endpoint } from '../../wire/address.ts';
import { Conversation, type Conversations } from '../remote/conversation.ts';
import { portInUse } from '../process/port-holder.ts';
import { systemClock, systemRandom } from '../process/system-environment.ts';

/** Takes what was opened. */
export interface GossipReceiver {
  handleDatagram(from: Endpoint, bytes: Uint8Array): void;
  /** Gives the reply, or `undefined` to refuse the request. */
  handleExchange(from: Endpoint, bytes: Uint8Array): Uint8Array | undefined;
  /** Where the member with this identity says that it is reached. */
  endpointOf(identity: string): Endpoint | undefined;
}

export interface GossipEndpointOptions {
  /** Names the port, the network and the node. */
  readonly announcement: Pick<Announcement, 'gossipEndpoint' | 'network' | 'identity'>;
  /** `undefined`: everybody is heard, and can read along. */
  readonly keys: ClusterKeys | undefined;
  /** How long packets may be on the way to other nodes. */
  readonly paths?: GossipPaths | undefined;
  /** Asked for with the first input. */
  readonly receiver: () => GossipReceiver;
  readonly streams?: StreamLimits | undefined;
  readonly logger: Logger;
}

export class GossipEndpoint implements Conversations {
  readonly #options: GossipEndpointOptions;
  #sockets!: GossipSockets;
  #sealed: SealedTransport | undefined;
  #converse: ((conversation: Conversation) => void) | undefined;

  private constructor(options: GossipEndpointOptions) {
    this.#options = options;
  }

  /** Binds the port. @throws WeftError `port-in-use`, naming who holds it */
  static async open(options: GossipEndpointOptions): Promise<GossipEndpoint> {
    const opened = new GossipEndpoint(options);
    await opened.#open();
    return opened;
  }

  /** Carries gossip of this node. */
  get transport(): GossipTransport {
    return this.#sealed ?? this.#sockets;
  }

  /** Whether it has keys. */
  get isSealed(): boolean {
    return this.#sealed !== undefined;
  }

  /** Datagrams that came in, refused ones included. */
  get datagramsReceived(): number {
    return this.#sockets.counters.datagramsReceived;
  }

  /** Datagrams that the kernel dropped because they came faster than they were read. */
  datagramOverflow(): number {
    return this.#sockets.datagramOverflow();
  }

  /** Datagrams that this node's own kernel did not let out. */
  get datagramsForbidden(): number {
    return this.#sockets.counters.datagramsForbidden;
  }

  /** When the node with this identity was heard, and whether of late from elsewhere; `undefined`: nobody's gossip is authentic. */
  sightingOf(identity: string): Sighting | undefined {
    return this.#sealed?.sightingOf(identity);
  }

  /** Messages and streams that were refused here, by reason. */
  refused(): {
    readonly messages: Readonly<Record<string, number>>;
    readonly streams: Readonly<Record<string, number>>;
  } {
    const { streamsRefusedBusy, streamsRefusedTooLong, streamsRefusedIncomplete } = this.#sockets.counters;
    return {
      messages: { ...this.#sealed?.refused() },
      streams: {
        'stream-busy': streamsRefusedBusy,
        'stream-too-long': streamsRefusedTooLong,
        'stream-incomplete': streamsRefusedIncomplete,
      },
    };
  }

  /** Binds another port, and ends what is under way at the one before. @throws as {@link open}, and nothing has changed */
  async moveTo(endpoint: Endpoint): Promise<void> {
    await naming(endpoint, async () => this.#sockets.moveTo(endpoint));
  }

  /** From now on, `converse` gets the conversations that others begin. Without it there are none. */
  onConversation(converse: (conversation: Conversation) => void): void {
    this.#converse = converse;
  }

  /** Begins a conversation with the node at `to`. @throws WeftError `remote-off`, `remote-unreachable` */
  async converse(to: Endpoint): Promise<Conversation> {
    if (this.#sealed === undefined) {
      throw new WeftError(
        'remote-off',
        'other nodes can be asked only where gossip is authenticated: see gossip.keyFile',
      );
    }
    return await Conversation.begin(this.#sealed.openings(to), () => this.#sockets.openStream(to));
  }

  async close(): Promise<void> {
    await this.#sockets.close();
  }

  async #open(): Promise<void> {
    const { announcement, keys, paths, receiver, streams } = this.#options;
    const { gossipEndpoint } = announcement;
    this.#sealed = keys && this.#seal(keys);
    this.#sockets = await naming(gossipEndpoint, async () =>
      GossipSockets.open(
        gossipEndpoint,
        {
          datagram: (from, bytes) => (this.#sealed ?? receiver()).handleDatagram(from, bytes),
          exchange: (from, bytes) =>
            this.#sealed !== undefined && isEnvelope(bytes, EnvelopeKind.opening)
              ? this.#accept(this.#sealed, from, bytes)
              : (this.#sealed ?? receiver()).handleExchange(from, bytes),
        },
        streams,
        paths,
      ),
    );
  }

  #seal(keys: ClusterKeys): SealedTransport {
    const { announcement, logger, receiver } = this.#options;
    return new SealedTransport({
      network: announcement.network,
      identity: announcement.identity,
      keys,
      cipher: nodeCipher,
      random: systemRandom,
      ownEndpoint: () => this.#sockets.endpoint,
      announcedEndpoint: (of) => receiver().endpointOf(of),
      transport: {
        sendDatagram: (to, bytes) => this.#sockets.sendDatagram(to, bytes),
        datagramRoomBytes: (to) => this.#sockets.datagramRoomBytes(to),
        exchange: (to, request, onReply) => this.#sockets.exchange(to, request, onReply),
      },
      handlers: {
        datagram: (from, bytes) => receiver().handleDatagram(from, bytes),
        exchange: (from, bytes) => receiver().handleExchange(from, bytes),
      },
      clock: systemClock,
      logger,
    });
  }

  #accept(sealed: SealedTransport, from: Endpoint, bytes: Uint8Array): StreamTaker | undefined {
    const converse = this.#converse;
    const accepted = sealed.handleOpening(from, bytes);
    if (accepted === undefined || converse === undefined) return undefined;
    return (stream) => {
      void stream.send(accepted.reply);
      converse(new Conversation(stream, accepted.conversation));
    };
  }
}

/** Names whoever holds the port if it is taken. */
async function naming<Result>(endpoint: Endpoint, bind: () => Promise<Result>): Promise<Result> {
  try {
    return await bind();
  } catch (error) {
    if (!(error instanceof WeftError) || error.code !== 'port-in-use') throw error;
    const protocol = error.details['protocol'] === 'tcp' ? 'tcp' : 'udp';
    throw await portInUse(protocol, endpoint, 'listen for gossip');
  }
}
