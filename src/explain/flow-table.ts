/** Recorded packets, put together to flows. Pure. */
import type { FlightTime } from '../dataplane/flight-records.ts';
import { flowKey, type PacketFlow, isProbe, readFlow } from './packet-flow.ts';
import type { RecordedPacket } from './recorded-packet.ts';

/** Packets of one flow that fared alike. */
export interface CountedFlow extends PacketFlow, Pick<RecordedPacket, 'hook' | 'direction' | 'reason' | 'peer'> {
  /** Of what policies deny, or would: as `Denial.rule`; otherwise empty. */
  readonly rule: string;
  readonly packets: number;
  readonly bytes: number;
  /** Of the first and the last one, in ms by the clock of the records. */
  readonly firstMs: number;
  readonly lastMs: number;
}

interface Count {
  readonly record: RecordedPacket;
  packets: number;
  bytes: number;
  firstMs: number;
  lastMs: number;
}

export class FlowTable {
  readonly #counts = new Map<string, Count>();

  /** Takes a record, in any order. What is no IP packet belongs to no flow, and is left out; so are weft's own probes, unless they are asked for. */
  add(record: RecordedPacket, withProbes = false): void {
    if (!withProbes && isProbe(record.header)) return;
    const flow = record.isDatagram ? '' : flowKey(record.header);
    if (flow === '') return;
    const { hook, direction, reason, peer, segments, lengthBytes, denial } = record;
    const timeMs = millisecondsOf(record);
    const key = `${flow}${hook} ${direction} ${peer} ${reason ?? ''} ${denial?.rule ?? ''}`;
    const count = this.#counts.get(key);
    if (count === undefined) {
      this.#counts.set(key, { record, packets: segments, bytes: lengthBytes, firstMs: timeMs, lastMs: timeMs });
      return;
    }
    count.packets += segments;
    count.bytes += lengthBytes;
    count.firstMs = Math.min(count.firstMs, timeMs);
    count.lastMs = Math.max(count.lastMs, timeMs);
  }

  /** The flows from or to these addresses, or all of them if there are none: the one that was seen last first. */
  flows(addresses: readonly string[] = []): CountedFlow[] {
    return [...this.#counts.values()]
      .sort((a, b) => b.lastMs - a.lastMs)
      .map(({ record: { hook, direction, reason, peer, header, denial }, packets, bytes, firstMs, lastMs }) => {
        const rule = denial?.rule ?? '';
        return { ...readFlow(header)!, hook, direction, reason, peer, rule, packets, bytes, firstMs, lastMs };
      })
      .filter((flow) => isBetween(flow, addresses));
  }
}

/** Whether one of these addresses is an end of a flow; without any, every flow is meant. */
export function isBetween(
  { source, destination }: Pick<PacketFlow, 'source' | 'destination'>,
  addresses: readonly string[],
): boolean {
  return addresses.length === 0 || addresses.includes(source) || addresses.includes(destination);
}

/** A time of the recorder, in ms by its own clock. */
export function millisecondsOf({ seconds, nanoseconds }: FlightTime): number {
  return seconds * 1_000 + nanoseconds / 1_000_000;
}
