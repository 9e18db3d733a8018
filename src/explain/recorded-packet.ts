/** What is recorded of a packet: by workers, or, of those that network policies deny, by the kernel. Types only. */
import type { FlightRecord } from '../dataplane/flight-records.ts';

/** A packet, or super-packet, and what became of it. */
export interface RecordedPacket extends Omit<FlightRecord, 'worker' | 'generation' | 'gsoSize'> {
  /** Of what policies deny, or would. */
  readonly denial?: Denial;
}

/** Who denies a packet. */
export interface Denial {
  /** Titles, joined by `+`. Empty: no policy does. */
  readonly policy: string;
  /** `shop/web ingress[0].from[0]`; or why no rule decides: `isolated by shop/web, no rule matches`. */
  readonly rule: string;
}
