/**
 * Hears which packets policies deny, or would deny: the kernel tells them by NFLOG, up to a rate for each rule.
 *
 *     closed ──the group is free──> open ──the socket fails──> closed
 *        └── another program has the group, or the kernel has no nfnetlink_log: tried again
 *
 * Chosen: a socket that is read now and then, so many packets at a time. Instead of: whenever there is something. Because: whoever sends
 * what is denied decides how often that is, and gossip must not wait for it. What comes faster is lost in the kernel, and counted.
 */
import type { Notice } from '../../api/control-api.ts';
import type { Clock } from '../../env/clock.ts';
import type { Logger } from '../../env/logger.ts';
import { SystemCallError } from '../../errors.ts';
import { PacketLogSocket } from '../../linux/packet-log-socket.ts';
import type { LoggedPacket, PacketLogWish } from '../../linux/packet-log-message.ts';
import { type Denier, UNKNOWN_DENIER } from './denier-names.ts';
import { TOLD_BYTES } from './policy-chains.ts';
import { POLICY_LOG_GROUP, POLICY_LOG_PREFIX } from './policy-names.ts';

/** Packets that are taken at a time: some ms. */
const MAX_PACKETS = 200;

/** When it is looked again, in ms: where there was something a moment ago, and where there was nothing. */
const BUSY_MS = 50;
const IDLE_MS = 250;

/** How often it is tried to hear, where that cannot be done, in ms: the daemon before may not have ended yet. */
const RETRY_MS = 2_000;

/** Tries in vain before that is said: see {@link RETRY_MS}. */
const SILENT_TRIES = 2;

/** How long the kernel may collect packets, in ms. */
const DELAY_MS = 50;

const wish: PacketLogWish = { group: POLICY_LOG_GROUP, copiedBytes: TOLD_BYTES, delayMs: DELAY_MS };

/** A packet that was denied, or would be: see `Denier.isAudit`. */
export interface DeniedPacket {
  readonly denier: Denier;
  /** An IP packet, cut to some hundred bytes. Whoever follows may keep it. */
  readonly packet: Uint8Array;
  /** When, in ns since 1970. */
  readonly timeNs: bigint;
}

/** Packets since the daemon started. */
export interface PolicyLogCounts {
  readonly denied: number;
  /** Of policies in audit mode: they passed. */
  readonly wouldDeny: number;
  /** The kernel told them, and there was no room. */
  readonly lost: number;
}

export interface PolicyLogOptions {
  readonly denierOf: (tag: string) => Denier | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
  /** CLOCK_REALTIME. */
  readonly realtimeNs: () => bigint;
  /** Absent: of the kernel. @throws SystemCallError */
  readonly open?: (wish: PacketLogWish) => Pick<PacketLogSocket, 'read' | 'close'>;
}

export class PolicyLog {
  readonly #options: PolicyLogOptions;
  readonly #followers: ((packets: readonly DeniedPacket[]) => void)[] = [];
  #socket: Pick<PacketLogSocket, 'read' | 'close'> | undefined;
  #counts = { denied: 0, wouldDeny: 0, lost: 0 };
  /** Why nobody hears, and for how many tries in a row. */
  #failure: SystemCallError | undefined;
  #failures = 0;
  #isStopped = false;

  /** Hears from now on. */
  constructor(options: PolicyLogOptions) {
    this.#options = options;
    this.#look();
  }

  get counts(): PolicyLogCounts {
    return this.#counts;
  }

  /** Has `follower` told of packets, in the order in which they were told. */
  follow(follower: (packets: readonly DeniedPacket[]) => void): void {
    this.#followers.push(follower);
  }

  notices(): readonly Notice[] {
    if (this.#failure === undefined || this.#failures <= SILENT_TRIES) return [];
    const message = `packets that policies deny are counted, and nobody is told which they are: ${reasonOf(this.#failure)}`;
    return [{ code: 'policy-log-unavailable', message }];
  }

  stop(): void {
    this.#isStopped = true;
    this.#close();
  }

  #look(): void {
    if (this.#isStopped) return;
    let nextMs = RETRY_MS;
    try {
      this.#socket ??= (this.#options.open ?? ((asked) => new PacketLogSocket(asked)))(wish);
      this.#failures = 0;
      this.#failure = undefined;
      nextMs = this.#take(this.#socket) ? BUSY_MS : IDLE_MS;
    } catch (error) {
      if (!(error instanceof SystemCallError)) throw error;
      this.#close();
      this.#failure = error;
      if (++this.#failures === SILENT_TRIES + 1)
        this.#options.logger.warn({ err: error }, 'nobody is told which packets network policies deny');
    }
    this.#options.clock.after(nextMs, () => this.#look());
  }

  /** Whether there was something. */
  #take(socket: Pick<PacketLogSocket, 'read'>): boolean {
    const { packets, isMore, lost } = socket.read(MAX_PACKETS);
    this.#counts.lost += lost;
    if (packets.length === 0) return isMore;
    // Whatever else is logged to the group is not ours.
    const ours = packets.filter(({ prefix }) => prefix.startsWith(POLICY_LOG_PREFIX));
    const denied = ours.map((packet) => this.#deniedPacket(packet));
    for (const { denier } of denied) this.#counts[denier.isAudit ? 'wouldDeny' : 'denied']++;
    for (const follower of this.#followers) follower(denied);
    return true;
  }

  #deniedPacket({ prefix, packet, timeNs }: LoggedPacket): DeniedPacket {
    const { denierOf, realtimeNs } = this.#options;
    const denier = denierOf(prefix.slice(POLICY_LOG_PREFIX.length)) ?? UNKNOWN_DENIER;
    return { denier, packet, timeNs: timeNs ?? realtimeNs() };
  }

  #close(): void {
    this.#socket?.close();
    this.#socket = undefined;
  }
}

function reasonOf({ errnoName, message }: SystemCallError): string {
  if (errnoName === 'EBUSY' || errnoName === 'EPERM')
    return `another program listens to group ${POLICY_LOG_GROUP} of NFLOG; end it: it is one of those in /proc/net/netfilter/nfnetlink_log`;
  if (errnoName === 'EINVAL' || errnoName === 'EOPNOTSUPP') return `the kernel has no nfnetlink_log: ${message}`;
  return message;
}
