/** Watches what the kernel refuses of pods that send under addresses of others, and says who does: at a bounded rate. */
import { formatIpAddress, parseIpAddress } from '../../wire/address.ts';
import type { KernelDrops } from '../../api/drop-api.ts';
import { kernelDropReasons } from '../../dataplane/kernel-drop-reasons.ts';
import type { EventSink } from '../process/event-log.ts';
import { titleOf } from './pod-key.ts';
import type { Pods } from './pods.ts';
import type { RefusedPackets, TriedAddress } from './source-tables.ts';

/** How often one looks unasked. A look runs `nft` twice, and reads what was refused, not what is allowed. */
const INTERVAL_MS = 30_000;

/** Who asks more often is given what was found last. */
const MIN_INTERVAL_MS = 500;

/** Least time between two events about one pod. */
const EVENT_INTERVAL_MS = 60_000;

/** Most addresses that are named. */
const MAX_NAMED = 8;

const [REASON] = kernelDropReasons;

/** A pod of this node. */
export interface WatchedPod {
  readonly name: string;
  readonly hostDevice: string;
  readonly addresses: readonly string[];
}

export interface SpoofWatchOptions {
  readonly readRefused: () => Promise<readonly RefusedPackets[]>;
  readonly readTried: () => Promise<readonly TriedAddress[]>;
  readonly pods: () => readonly WatchedPod[];
  readonly events: EventSink;
  /** Monotonic. */
  readonly nowMs: () => number;
}

/** Watches the pods of this node. */
export function watchSpoofing(pods: Pods, events: EventSink): SpoofWatch {
  return new SpoofWatch({
    readRefused: () => pods.sources.readRefused(),
    readTried: () => pods.sources.readTried(),
    pods: () => pods.list().map((pod) => ({ ...pod, name: titleOf(pod) })),
    events,
    nowMs: () => performance.now(),
  });
}

export class SpoofWatch {
  readonly #options: SpoofWatchOptions;
  readonly #timer: NodeJS.Timeout;
  /** Packets by device. */
  #counts: ReadonlyMap<string, number> = new Map();
  #total = 0;
  #tried: readonly TriedAddress[] = [];
  /** By device: when it was last spoken of, and how many packets there were then. */
  readonly #told = new Map<string, { atMs: number; packets: number }>();
  #lookedAtMs = -Infinity;
  #isFirst = true;
  #round: Promise<void> = Promise.resolve();

  constructor(options: SpoofWatchOptions) {
    this.#options = options;
    this.#timer = setInterval(() => void this.look(), INTERVAL_MS).unref();
    void this.look();
  }

  /** Looks now, after the look that is under way, unless that was a moment ago. Never rejects: the audit says what is wrong. */
  look(): Promise<void> {
    this.#round = this.#round.then(() => this.#look()).catch(() => undefined);
    return this.#round;
  }

  /** Packets of a pod that were refused since it was added, as of the last look. */
  countOf({ hostDevice }: WatchedPod): number {
    return this.#counts.get(hostDevice) ?? 0;
  }

  /** Packets of all pods that were refused, also of those that are gone, as of the last look. Never falls. */
  get total(): number {
    return this.#total;
  }

  /** Those of all pods of this node, the one with the most first, as of the last look. */
  drops(): KernelDrops[] {
    const { name: reason, meaning, cause, remedy } = REASON;
    const pods = this.#options.pods();
    return pods
      .map((pod) => ({ pod, packets: this.countOf(pod) }))
      .filter(({ packets }) => packets > 0)
      .sort((a, b) => b.packets - a.packets)
      .map(({ pod, packets }) => ({
        reason,
        pod: pod.name,
        packets,
        sources: this.#sourcesOf(pod, pods),
        meaning,
        cause,
        remedy,
      }));
  }

  /** Ends after the look that is under way. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#round;
  }

  async #look(): Promise<void> {
    const { readRefused, readTried, pods, nowMs } = this.#options;
    if (nowMs() - this.#lookedAtMs < MIN_INTERVAL_MS) return;
    const before = this.#counts;
    const counts = new Map((await readRefused()).map(({ device, packets }) => [device, packets]));
    const isGrown = [...counts].some(([device, packets]) => packets !== (before.get(device) ?? 0));
    if (isGrown) this.#tried = await readTried();
    for (const [device, packets] of counts) {
      const seen = before.get(device) ?? 0;
      this.#total += packets >= seen ? packets - seen : packets;
    }
    this.#counts = counts;
    this.#lookedAtMs = nowMs();
    const present = pods();
    // What an earlier daemon saw, it said. What came while there was none, is in the counts.
    if (this.#isFirst) for (const [device, packets] of counts) this.#told.set(device, { atMs: -Infinity, packets });
    this.#isFirst = false;
    for (const pod of present) this.#tell(pod, present);
    const devices = new Set(present.map(({ hostDevice }) => hostDevice));
    for (const device of this.#told.keys()) if (!devices.has(device)) this.#told.delete(device);
  }

  #tell(pod: WatchedPod, pods: readonly WatchedPod[]): void {
    const { nowMs, events } = this.#options;
    const total = this.countOf(pod);
    const told = this.#told.get(pod.hostDevice) ?? { atMs: -Infinity, packets: 0 };
    // A pod of that name was removed and added again.
    const packets = total - Math.min(told.packets, total);
    if (packets === 0 || nowMs() - told.atMs < EVENT_INTERVAL_MS) return;
    this.#told.set(pod.hostDevice, { atMs: nowMs(), packets: total });
    const sources = this.#sourcesOf(pod, pods).join(', ');
    const from = sources === '' ? '' : `: ${sources}`;
    const what = packets === 1 ? '1 packet' : `${packets} packets`;
    const message = `pod ${pod.name} sent ${what} under addresses that are not its own, and the kernel dropped them${from}`;
    events.add('pod-spoofed-source', { subject: pod.name, message, details: { packets, total, sources } });
  }

  /** What a pod tried to send from, and whose it is, as far as that is remembered. */
  #sourcesOf({ hostDevice, addresses }: WatchedPod, pods: readonly WatchedPod[]): string[] {
    const tried = this.#tried.filter(({ device }) => device === hostDevice);
    const all = tried.map(({ address: text, mac }) => {
      const parsed = parseIpAddress(text);
      const address = parsed === undefined ? text : formatIpAddress(parsed);
      const owner = addresses.includes(address) ? undefined : pods.find((pod) => pod.addresses.includes(address));
      const from = addresses.includes(address) ? ` from ${mac}` : '';
      return { owner, text: owner === undefined ? address + from : `${address} of pod ${owner.name}` };
    });
    // Whose address it is, if it is somebody's, is what one wants to know first.
    const sorted = [
      ...all.filter(({ owner }) => owner !== undefined),
      ...all.filter(({ owner }) => owner === undefined),
    ];
    const named = sorted.slice(0, MAX_NAMED).map(({ text }) => text);
    return tried.length > MAX_NAMED ? [...named, `${tried.length - MAX_NAMED} more`] : named;
  }
}
