/**
 * The dataplane, as the main thread sees it: workers over shared memory, started and stopped together.
 *
 * A worker sleeps in the kernel and hears nothing. Whoever wants it to end sets its stop flag and writes its wake-up; that
 * includes every way in which this process can exit, as Node waits for all threads.
 */
import { availableParallelism } from 'node:os';
import { compileFilter } from '../../capture/bpf-compiler.ts';
import type { WorkerAccount } from '../../dataplane/accounts.ts';
import { type CountersMemory, createCountersMemory, readWorkerAccount } from '../../dataplane/counters.ts';
import {
  createFaultCountsMemory,
  type FaultCounted,
  type FaultCountsMemory,
  readFaultCounts,
} from '../../dataplane/fault-counts.ts';
import type { FaultRule } from '../../dataplane/fault-rule.ts';
import { createFlightRecorderMemory, type FlightRecorderMemory } from '../../dataplane/flight-recorder.ts';
import type { ForwardingState } from '../../dataplane/forwarding-state.ts';
import {
  createForwardingMemory,
  ForwardingPublisher,
  ForwardingReader,
  MAX_WORKERS,
} from '../../dataplane/forwarding-table.ts';
import {
  createPeerCountersMemory,
  type PeerAccount,
  type PeerCount,
  type PeerCountersMemory,
  readPeerAccount,
  readPeerCounters,
} from '../../dataplane/peer-counters.ts';
import { createProbeCountsMemory } from '../../dataplane/probe-counts.ts';
import { shareOfCpus } from '../../linux/cpu-affinity.ts';
import type { Link } from '../../linux/link.ts';
import { isShortage } from '../../linux/shortage.ts';
import { createPersistentTun } from '../../linux/tun.ts';
import { isPortFree } from '../../linux/udp-socket.ts';
import { equalIpAddresses, type IpAddress, type MacAddress } from '../../wire/address.ts';
import type { Inspection } from '../audit/audit-finding.ts';
import { portInUse } from '../process/port-holder.ts';
import { ThreadReserve } from '../process/thread-reserve.ts';
import type { OptionalFeature } from '../config/optional-feature.ts';
import { type Feature, features, type Features } from '../../api/feature.ts';
import { ProbeChannel } from './probe-channel.ts';
import { readTransmitDrops, waitUntilReleased } from './tun-device.ts';
import { createUnderlayOrderMemory, UnderlayOrderWriter } from './underlay-order.ts';
import { workerFindings } from './worker-findings.ts';
import type { CaptureOrder } from './worker-orders.ts';
import { workerProgram, WorkerThread } from './worker-thread.ts';

export interface DataplaneOptions {
  /** Name of the TUN device, which is made if it does not exist and which stays when the dataplane stops. */
  readonly tunDevice: string;
  readonly underlayAddress: IpAddress;
  readonly vxlanPort: number;
  readonly vni: number;
  readonly overlayMtuBytes: number;
  /** Number of worker threads, each with a TUN queue; 0: as many as suit the machine. */
  readonly workers?: number;
  /** This node's addresses in the overlay: ICMP errors to pods come from them. */
  readonly nodeAddresses: readonly IpAddress[];
  /** This node's, until the first state is published. */
  readonly mac: MacAddress;
  /** Features not to use, for debugging. */
  readonly without?: readonly OptionalFeature[];
  /** Whether outer packets are fragmented for IPv6 over a path below its minimum; the default. */
  readonly outerFragmentation?: boolean;
  /** DSCP of the outer header: that of the inner one (the default), or always this. */
  readonly dscp?: 'copy' | number;
  /** CPUs that the workers share out among themselves; empty: any. */
  readonly cpus?: readonly number[];
  /** For how long a worker looks for packets again before it sleeps, in microseconds. 0, the default: not at all. */
  readonly busyPollUs?: number;
  /** Memory of the flight recorder, in bytes; 0, the default: there is none. */
  readonly recorderBytes?: number;
  /** Whether faults may be injected. Off by default. */
  readonly faults?: boolean;
  /** Devices of this node as they were a moment ago; absent: they are looked at. */
  readonly links?: readonly Link[];
  /** Has threads of workers that have loaded their program; absent: they begin with that. */
  readonly reserve?: ThreadReserve;
}

/** The forwarding state's limits. Memory that is not used is not touched, and costs nothing. */
export const MAX_ROUTES = 131_072;
const MAX_PEERS = 65_535;
/** How soon to publish again when a worker is in the middle of a batch, in ms. */
const PUBLISH_RETRY_MS = 1;
/** A worker keeps half of this busy: pods need processors too. */
const CPUS_PER_WORKER = 2;
/** More than this many only share out the traffic of a few flows unevenly. */
const MAX_DEFAULT_WORKERS = 4;
/** All workers. */
export class Dataplane {
  /** By which path probes are sent, and answers come back. */
  readonly probes: ProbeChannel;
  /** What the workers remember of packets: see `flight-records.ts`. `undefined` if they do not. */
  readonly recorder: FlightRecorderMemory | undefined;
  readonly #tunDevice: string;
  readonly #vxlanPort: number;
  readonly #underlayOrder: UnderlayOrderWriter;
  /** The underlay address that the workers have, or were last told to take. */
  #underlayAddress: IpAddress;
  readonly #threads: WorkerThread[] = [];
  readonly #counters: CountersMemory;
  readonly #peerCounters: PeerCountersMemory;
  /** `undefined`: no faults are injected here. */
  readonly #faultCounts: FaultCountsMemory | undefined;
  readonly #publisher: ForwardingPublisher;
  /** Reads what workers read, in a place of its own. */
  readonly #reader: ForwardingReader;
  /** What the device counted when it was looked at last. */
  #tunDropsSeen = 0;
  readonly #wakeAll = (): void => this.#threads.forEach((thread) => thread.requestStop());
  #pending: ForwardingState | undefined;
  /** What the workers have, unless their memory was damaged. */
  #published: ForwardingState | undefined;
  #publishTimer: NodeJS.Timeout | undefined;
  #tunDrops = 0;
  #death: Error | undefined;
  #onDeath: ((error: Error) => void) | undefined;
  #stopping = false;

  /**
   * Starts the workers; they forward nothing until a state is published. The device exists from then on, but nobody has
   * set it up: that it is up, its addresses and routes are `node-network.ts`'s business.
   *
   * @throws ConflictError `tun-device-unusable`, `tun-device-in-use`
   * @throws RequirementError `tun-missing`, `privilege-missing`, `address-not-here`
   * @throws WeftError `port-in-use`, `worker-failed`, `worker-start-timeout`
   */
  static async start(options: DataplaneOptions): Promise<Dataplane> {
    await waitUntilReleased(options.tunDevice, options.links);
    const endpoint = { address: options.underlayAddress, port: options.vxlanPort };
    if (!isPortFree(endpoint.address, endpoint.port)) throw await portInUse('udp', endpoint, 'receive VXLAN');
    createPersistentTun(options.tunDevice);
    const dataplane = new Dataplane(options);
    try {
      await Promise.all(dataplane.#threads.map(async (thread) => thread.ready()));
      // What pods sent before was not too much: nobody was there.
      dataplane.#tunDropsSeen = readTransmitDrops(options.tunDevice) ?? 0;
    } catch (error) {
      await dataplane.stop();
      throw error;
    }
    return dataplane;
  }

  private constructor(options: DataplaneOptions) {
    const { without = [], dscp = 'copy', cpus = [], busyPollUs = 0, recorderBytes = 0, mac, tunDevice } = options;
    const { reserve = new ThreadReserve() } = options;
    const workers = options.workers || suitableWorkers(availableParallelism());
    const forwarding = createForwardingMemory(MAX_ROUTES, MAX_PEERS);
    const underlayOrder = createUnderlayOrderMemory();
    this.#tunDevice = tunDevice;
    this.#vxlanPort = options.vxlanPort;
    this.#underlayAddress = options.underlayAddress;
    this.#underlayOrder = new UnderlayOrderWriter(underlayOrder);
    this.#counters = createCountersMemory(workers);
    this.#peerCounters = createPeerCountersMemory(workers, MAX_PEERS);
    this.#faultCounts = options.faults === true ? createFaultCountsMemory(workers) : undefined;
    this.recorder = recorderBytes === 0 ? undefined : createFlightRecorderMemory(recorderBytes, workers);
    this.#publisher = new ForwardingPublisher(forwarding, workers);
    this.#reader = new ForwardingReader(forwarding, MAX_WORKERS - 1);
    this.probes = new ProbeChannel(workers, () => this.#threads[0]?.wake());
    this.publish({ mac, peers: [], relays: false, routes: [] });
    const { underlayAddress, vxlanPort, vni, overlayMtuBytes, nodeAddresses, outerFragmentation = true } = options;
    const shared = {
      tunDevice,
      underlayAddress,
      underlayOrder,
      vxlanPort,
      vni,
      overlayMtuBytes,
      nodeAddresses,
      maxPeers: MAX_PEERS,
      without,
      outerFragmentation,
      dscp,
      busyPollUs,
      forwarding,
      counters: this.#counters,
      peerCounters: this.#peerCounters,
      faultCounts: this.#faultCounts,
      recorder: this.recorder,
      probeCounts: createProbeCountsMemory(MAX_PEERS),
    };
    for (let worker = 0; worker < workers; worker++) {
      const setup = { ...shared, worker, cpus: shareOfCpus(cpus, worker, workers), probes: this.probes.rings[worker]! };
      const thread = reserve.take(workerProgram(worker));
      this.#threads.push(new WorkerThread(thread, setup, (error) => this.#died(error)));
    }
    process.on('exit', this.#wakeAll);
  }

  /** Which of the kernel's features are in use: those that all workers use. */
  get features(): Features {
    const isEverywhere = (name: Feature): boolean => this.#threads.every((thread) => thread.features[name] === true);
    return Object.fromEntries(features.map((name) => [name, isEverywhere(name)])) as Features;
  }

  /**
   * Makes the workers forward by `state`: at once, or within milliseconds when one of them is in the middle of a batch.
   * Of several states in short order the last one counts.
   */
  publish(state: ForwardingState): void {
    this.#pending = state;
    this.probes.hold();
    this.#publishPending();
  }

  /**
   * Has all workers open sockets at another underlay address, of the same family, in place of those that they have. The
   * TUN device, what waits in it, and the accounts stay as they are.
   *
   * When it fails, some workers may have moved and others not; it may be repeated.
   *
   * @throws RequirementError `address-not-here`
   * @throws WeftError `port-in-use`, `worker-move-timeout`
   */
  async moveTo(address: IpAddress): Promise<void> {
    const endpoint = { address, port: this.#vxlanPort };
    const isTried = equalIpAddresses(address, this.#underlayAddress);
    if (!isTried && !isPortFree(address, endpoint.port)) throw await portInUse('udp', endpoint, 'receive VXLAN');
    this.#underlayAddress = address;
    const order = this.#underlayOrder.give(address);
    await Promise.all(this.#threads.map(async (thread) => thread.moved(order)));
  }

  /** Compares what workers read with what was published, if nothing else is about to be. Changes nothing. */
  inspect(): Inspection {
    const wanted = this.#published;
    if (wanted === undefined) return { entries: 0, findings: [] };
    const entries = wanted.routes.length + wanted.peers.length;
    if (this.#pending !== undefined) return { entries, findings: [] };
    return { entries, findings: this.look((forwarding) => workerFindings(wanted, forwarding)) };
  }

  /** Shows `look` the state that the workers forward by, always with the same reader, which is of no use afterwards. */
  look<Seen>(look: (forwarding: ForwardingReader) => Seen): Seen {
    this.#reader.enter();
    try {
      return look(this.#reader);
    } finally {
      this.#reader.leave();
    }
  }

  /** Publishes once more what is published. */
  repair(): void {
    if (this.#published !== undefined) this.publish(this.#pending ?? this.#published);
  }

  /** The accounts of all workers, each of one instant. */
  accounts(): WorkerAccount[] {
    return this.#threads.map((_, worker) => readWorkerAccount(this.#counters, worker));
  }

  /** What was sent to the peer with this number since the start. */
  sentTo(peer: number): PeerCount {
    return readPeerCounters(this.#peerCounters, peer);
  }

  /** The accounts of the peer with this number since the start. */
  accountOf(peer: number): PeerAccount {
    return readPeerAccount(this.#peerCounters, peer);
  }

  /** How many workers there are. */
  get workers(): number {
    return this.#threads.length;
  }

  /**
   * Has each worker, in their order, serve these captures and no others.
   *
   * @throws WeftError `filter-invalid`, and then nothing has changed
   */
  setCaptures(orders: readonly (readonly CaptureOrder[])[]): void {
    // A worker that fails takes traffic with it: what cannot be compiled is found out here.
    const programs = new Set(orders.flatMap((captures) => captures.map(({ program }) => program)));
    for (const program of programs) if (program !== undefined) compileFilter(program);
    this.#threads.forEach((thread, worker) => thread.order({ kind: 'captures', captures: orders[worker] ?? [] }));
  }

  /** Resolves when the workers have carried out what was ordered so far: captures, faults. */
  async obeyed(): Promise<void> {
    await Promise.all(this.#threads.map(async (thread) => thread.obeyed()));
  }

  /** Has all workers inject these faults, and no others. Resolves when they do; what is held back goes on when it is due. */
  async setFaults(rules: readonly FaultRule[]): Promise<void> {
    for (const thread of this.#threads) thread.order({ kind: 'faults', rules });
    await this.obeyed();
  }

  /** What an injected fault did so far. */
  faultCounted({ id, slot }: Pick<FaultRule, 'id' | 'slot'>): FaultCounted {
    return readFaultCounts(this.#faultCounts ?? createFaultCountsMemory(0), id, slot);
  }

  /** Packets that the kernel dropped since the start because no worker read them from the TUN device in time. */
  tunQueueOverflow(): number {
    try {
      const now = readTransmitDrops(this.#tunDevice);
      if (now === undefined) return this.#tunDrops;
      // A device that was made anew counts from 0.
      this.#tunDrops += now >= this.#tunDropsSeen ? now - this.#tunDropsSeen : now;
      this.#tunDropsSeen = now;
    } catch (error) {
      // Without a descriptor to look with, what was seen last is the best there is.
      if (!isShortage(error, 'read the counters of the TUN device')) throw error;
    }
    return this.#tunDrops;
  }

  /** Calls `callback` once, when a worker ends that was not told to: with its error. Traffic has stopped then. */
  onDeath(callback: (error: Error) => void): void {
    this.#onDeath = callback;
    if (this.#death !== undefined) callback(this.#death);
  }

  /** Ends all workers and waits for them. The TUN device stays. May be called again. */
  async stop(): Promise<void> {
    this.#stopping = true;
    clearTimeout(this.#publishTimer);
    this.#pending = undefined;
    this.probes.close();
    this.#wakeAll();
    await Promise.all(this.#threads.map(async (thread) => thread.ended()));
    process.off('exit', this.#wakeAll);
  }

  #publishPending(): void {
    clearTimeout(this.#publishTimer);
    if (this.#pending === undefined) return;
    if (!this.#publisher.publish(this.#pending)) {
      this.#publishTimer = setTimeout(() => this.#publishPending(), PUBLISH_RETRY_MS);
      return;
    }
    this.#published = this.#pending;
    this.#pending = undefined;
    this.probes.release();
  }

  #died(error: Error): void {
    if (this.#stopping || this.#death !== undefined) return;
    this.#death = error;
    this.#onDeath?.(error);
  }
}

/** How many workers a machine with `cpus` CPUs gets if nobody says. */
export function suitableWorkers(cpus: number): number {
  return Math.min(MAX_DEFAULT_WORKERS, Math.max(1, Math.floor(cpus / CPUS_PER_WORKER)));
}
