/**
 * What a dataplane worker is made of: the parts of both directions, over one piece of memory, and how they hang together.
 * What they do, turn by turn, is in `worker-turns.ts`.
 */
import { Counters } from '../../dataplane/counters.ts';
import { DeliveryBatch } from '../../dataplane/delivery-batch.ts';
import { Egress, EGRESS_HEADROOM, HEADER_PIECE_BYTES, MAX_SEGMENTS } from '../../dataplane/egress.ts';
import type { DropReason } from '../../dataplane/drop-reason.ts';
import { sendFailureReason, tunWriteFailureReason } from '../../dataplane/failure-reason.ts';
import { FaultInjection } from '../../dataplane/fault-injection.ts';
import { FlightRecorder } from '../../dataplane/flight-recorder.ts';
import { ForwardingReader } from '../../dataplane/forwarding-table.ts';
import { HELD_SLOTS, HeldDatagrams } from '../../dataplane/held-datagrams.ts';
import { ICMP_ERROR_BYTES, IcmpErrors, MAX_ICMP_ERRORS } from '../../dataplane/icmp-errors.ts';
import { Ingress, MAX_PACKETS_PER_DATAGRAM } from '../../dataplane/ingress.ts';
import { PathProbes } from '../../dataplane/path-probes.ts';
import { PeerCounters } from '../../dataplane/peer-counters.ts';
import { ProbeRing } from '../../dataplane/probe-ring.ts';
import { type TapEndpoint, Taps } from '../../dataplane/taps.ts';
import { DatagramOwner, TransmitBatch } from '../../dataplane/transmit-batch.ts';
import { DatagramReceiver } from '../../linux/datagram-receiver.ts';
import { Abi } from '../../linux/kernel-abi.ts';
import { MappedMemory } from '../../linux/mapped-memory.ts';
import { PeerAddresses } from '../../linux/peer-addresses.ts';
import { Poll } from '../../linux/poll.ts';
import { TunReader } from '../../linux/tun-reader.ts';
import { TunWriter } from '../../linux/tun-writer.ts';
import { UnderlaySender } from './underlay-sender.ts';
import type { UnderlaySockets, WorkerDescriptors } from './worker-descriptors.ts';
import { WorkerRelay } from './worker-relay.ts';
import type { WorkerSetup } from './worker-report.ts';

/** Reads of the TUN device per batch. */
export const TUN_SLOTS = 32;
/** Datagrams, or coalesced ones, per turn. */
const DATAGRAM_SLOTS = 32;
/** Pieces of packets for the TUN device: the kernel joins up to 64 datagrams, and each may be a segment of a packet. */
const DELIVERY_PIECES = DATAGRAM_SLOTS * 64 + MAX_PACKETS_PER_DATAGRAM;

/** What a worker waits for: indexes into its {@link Poll}. */
export const Ready = { tun: 0, receiving: 1, wakeup: 2 } as const;

/** All of them. They belong to one worker, and all of memory that they refer to is one mapping. */
export interface WorkerParts {
  readonly forwarding: ForwardingReader;
  readonly counters: Counters;
  readonly taps: Taps;
  readonly recorder: FlightRecorder | undefined;
  /** `undefined`: this node injects no faults. */
  readonly faults: FaultInjection | undefined;
  readonly poll: Poll;
  readonly egress: Egress;
  readonly errors: IcmpErrors;
  readonly ingress: Ingress;
  readonly probes: PathProbes;
  readonly relay: WorkerRelay;
  readonly tunReader: TunReader;
  readonly receiver: DatagramReceiver;
  readonly sender: UnderlaySender;
  readonly tunWriter: TunWriter;
  /** Filled by `egress` and `probes`, sent by `sender`. */
  readonly transmitBatch: TransmitBatch;
  /** Filled by `ingress`, written by `tunWriter`. */
  readonly deliveryBatch: DeliveryBatch;
  readonly errorWriter: TunWriter;
  /** Filled by `errors`, written by `errorWriter`. */
  readonly errorBatch: DeliveryBatch;
}

/** Maps the memory, and makes all parts. The descriptors stay the caller's. */
export function makeWorkerParts(setup: WorkerSetup, descriptors: WorkerDescriptors): WorkerParts {
  const { tun, underlay, fragmentFd } = descriptors;
  const { receiving, sending } = underlay;
  const { vni, overlayMtuBytes, maxPeers } = setup;
  const transmitBatch = new TransmitBatch(2 * MAX_SEGMENTS, 4 * MAX_SEGMENTS);
  // No more than the queue of the TUN device can hold answers to.
  const deliveryBatch = new DeliveryBatch(2 * MAX_PACKETS_PER_DATAGRAM, DELIVERY_PIECES);
  const errorBatch = new DeliveryBatch(MAX_ICMP_ERRORS, MAX_ICMP_ERRORS);
  const headerBytes = transmitBatch.maxDatagrams * HEADER_PIECE_BYTES;
  const errorBytes = MAX_ICMP_ERRORS * ICMP_ERROR_BYTES;
  const heldBytes = setup.faultCounts === undefined ? 0 : HeldDatagrams.memoryBytes(HELD_SLOTS);
  const memory = new MappedMemory(
    TunReader.memoryBytes(TUN_SLOTS, EGRESS_HEADROOM) +
      TunWriter.memoryBytes(deliveryBatch.maxPieces) +
      DatagramReceiver.memoryBytes(DATAGRAM_SLOTS) +
      PeerAddresses.memoryBytes(maxPeers) +
      UnderlaySender.memoryBytes(transmitBatch) +
      WorkerRelay.memoryBytes() +
      Poll.memoryBytes(3) +
      PathProbes.areaBytes(overlayMtuBytes) +
      TunWriter.memoryBytes(MAX_ICMP_ERRORS) +
      errorBytes +
      headerBytes +
      heldBytes,
  );
  const forwarding = new ForwardingReader(setup.forwarding, setup.worker);
  const peerCounters = new PeerCounters(setup.peerCounters, setup.worker);
  const counters = new Counters(setup.counters, setup.worker, peerCounters);
  const taps = new Taps({
    memory: memory.bytes,
    worker: setup.worker,
    forwarding,
    readTime,
    copy: copyBytes,
    endpoint: tapEndpointOf(underlay, setup),
  });
  const faults =
    setup.faultCounts &&
    new FaultInjection({
      memory: memory.bytes,
      area: memory.allocate(heldBytes),
      forwarding,
      counters,
      worker: setup.worker,
      counts: setup.faultCounts,
      nowUs,
    });
  const recorder =
    setup.recorder === undefined
      ? undefined
      : new FlightRecorder({
          memory: memory.bytes,
          recorder: setup.recorder,
          worker: setup.worker,
          forwarding,
          readTime: turnClock(),
        });
  const poll = new Poll(memory, [tun.fd, receiving.fd, setup.wakeupFd], Abi.POLLIN);
  const tunReader = new TunReader(tun.fd, memory, TUN_SLOTS, EGRESS_HEADROOM);
  const receiver = new DatagramReceiver(receiving.fd, memory, DATAGRAM_SLOTS);
  const addresses = new PeerAddresses(memory, maxPeers, forwarding);
  const ecn = !setup.without.includes('ecn');
  const errors = new IcmpErrors({
    memory: memory.bytes,
    area: memory.allocate(errorBytes),
    counters,
    batch: errorBatch,
    nodeAddresses: setup.nodeAddresses,
    taps,
    recorder,
  });
  const egress = new Egress({
    memory: memory.bytes,
    headerArea: memory.allocate(headerBytes),
    forwarding,
    counters,
    peerCounters,
    batch: transmitBatch,
    vni,
    sendingSockets: sending.length,
    errors,
    outerFragmentation: fragmentFd !== -1,
    trafficClass: { ecn, dscp: setup.dscp },
    taps,
    recorder,
  });
  const probes = new PathProbes({
    memory: memory.bytes,
    area: memory.allocate(PathProbes.areaBytes(overlayMtuBytes)),
    forwarding,
    counters,
    batch: transmitBatch,
    vni,
    sendingSockets: sending.length,
    maxProbeBytes: overlayMtuBytes,
    orders: new ProbeRing(setup.probes.orders),
    results: new ProbeRing(setup.probes.results),
    counts: setup.probeCounts,
    nowUs,
    taps,
  });
  const relay = new WorkerRelay({
    memory,
    forwarding,
    counters,
    peerCounters,
    addresses,
    underlay,
    fragmentFd,
    taps,
    recorder,
    faults,
  });
  const coalesces = !setup.without.includes('coalescing');
  const ingress = new Ingress({
    memory: memory.bytes,
    forwarding,
    counters,
    batch: deliveryBatch,
    vni,
    probes,
    relay: relay.relay,
    overlayMtuBytes,
    coalescing: { tcp: coalesces, udp: coalesces && tun.offloads.udpSegmentation },
    ecn,
    taps,
    recorder,
    faults,
  });
  const isProbe = (datagram: number): boolean => transmitBatch.owner[datagram] === DatagramOwner.probe;
  const failed = (datagram: number, reason: DropReason): void =>
    (isProbe(datagram) ? probes : egress).failed(datagram, reason);
  const sender = new UnderlaySender({
    memory,
    batch: transmitBatch,
    addresses,
    endpoints: forwarding,
    underlay,
    fragmentFd,
    outcome: {
      sent: (datagram) => (isProbe(datagram) ? probes : egress).sent(datagram),
      failed: (datagram, errnoName) => failed(datagram, sendFailureReason(errnoName)),
    },
    withhold: () => {
      faults?.withhold(transmitBatch, failed);
      taps.handOver();
    },
  });
  const tunWriter = new TunWriter(tun.fd, memory, deliveryBatch.maxPieces, {
    delivered: (packet) => ingress.delivered(packet),
    failed: (packet, errnoName) => ingress.failed(packet, tunWriteFailureReason(errnoName)),
  });
  const errorWriter = new TunWriter(tun.fd, memory, MAX_ICMP_ERRORS, {
    delivered: (error) => errors.delivered(error),
    failed: (error) => errors.failed(error),
  });
  return {
    forwarding,
    counters,
    taps,
    recorder,
    faults,
    poll,
    egress,
    errors,
    ingress,
    probes,
    relay,
    tunReader,
    receiver,
    sender,
    tunWriter,
    transmitBatch,
    deliveryBatch,
    errorWriter,
    errorBatch,
  };
}

/** Where captures are to say that datagrams leave from, and arrive at. */
export function tapEndpointOf({ address, sending }: UnderlaySockets, setup: WorkerSetup): TapEndpoint {
  const { family, bytes } = address;
  return { family, address: bytes, receivingPort: setup.vxlanPort, sendingPorts: sending.map(({ port }) => port) };
}

/** Writes CLOCK_MONOTONIC as seconds and nanoseconds: to the microsecond, and without an object per turn. */
function turnClock(): (time: Uint32Array) => void {
  const [seconds, nanoseconds] = process.hrtime();
  const aheadMs = seconds * 1_000 + nanoseconds / 1_000_000 - performance.now();
  return (time) => {
    const nowMs = performance.now() + aheadMs;
    const wholeSeconds = Math.floor(nowMs / 1_000);
    time[0] = wholeSeconds;
    time[1] = Math.floor((nowMs - wholeSeconds * 1_000) * 1_000_000);
  };
}

/** Writes CLOCK_MONOTONIC as seconds and nanoseconds, for what is captured. */
function readTime(time: Uint32Array): void {
  [time[0], time[1]] = process.hrtime();
}

function copyBytes(from: Uint8Array, fromAt: number, to: Uint8Array, toAt: number, lengthBytes: number): void {
  Buffer.prototype.copy.call(from, to, toAt, fromAt, fromAt + lengthBytes);
}

/** Microseconds by a clock that all threads share, unlike `performance.now()`. */
function nowUs(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1_000_000 + Math.floor(nanoseconds / 1_000);
}
