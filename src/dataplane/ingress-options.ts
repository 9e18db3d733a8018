/** What `Ingress` is made of. */
import type { Counters } from './counters.ts';
import type { DeliveryBatch } from './delivery-batch.ts';
import type { FlightRecorder } from './flight-recorder.ts';
import type { ForwardingReader } from './forwarding-table.ts';
import type { FaultInjection } from './fault-injection.ts';
import type { Relay } from './relay.ts';
import type { Taps } from './taps.ts';

export interface IngressOptions {
  /** The worker's whole memory; all offsets are into it. */
  readonly memory: Uint8Array;
  readonly forwarding: ForwardingReader;
  readonly counters: Counters;
  /** Room for at least `MAX_PACKETS_PER_DATAGRAM` packets; a multiple of it allows batches. */
  readonly batch: DeliveryBatch;
  readonly vni: number;
  /** Takes path probes, which are for the node and not for its pods. Without it they are dropped as any forged packet. */
  readonly probes?: { take(at: number, lengthBytes: number, sender: number): boolean };
  /** Takes what is for another peer. Without it that is dropped. */
  readonly relay?: Relay;
  /** MTU of the TUN device: longer TCP packets are handed over as super-packets with segments of this size. */
  readonly overlayMtuBytes: number;
  /** What is put together to super-packets: TCP segments, and UDP datagrams, which needs Linux 6.2. */
  readonly coalescing: { readonly tcp: boolean; readonly udp: boolean };
  /** Whether congestion that the underlay marked (ECN) is told to the pod. */
  readonly ecn: boolean;
  /** Where captures look. Without it, there are none. */
  readonly taps?: Taps;
  /** Remembers what became of packets. Without it, nobody does. */
  readonly recorder?: FlightRecorder | undefined;
  /** What injected faults do to what comes in. Without it, nothing. */
  readonly faults?: FaultInjection | undefined;
}
