/**
 * Tells of flows that policies deny, each once for a rule: at a bounded rate, and of a bounded number, since pods decide how many there are.
 *
 *     packet ──its flow and rule are known──> nothing
 *       └─────new──> an event, or, where there are too many in this interval, counted: the sum is told at its end
 *
 * Ports of those who begin do not count: a client that tries again takes another one.
 */
import type { Clock } from '../../env/clock.ts';
import { hasPorts, protocolName } from '../../explain/packet-description.ts';
import { type PacketFlow, readFlow } from '../../explain/packet-flow.ts';
import type { EventSink } from '../process/event-log.ts';
import type { Denier } from './denier-names.ts';
import type { DeniedPacket } from './policy-log.ts';

/** Flows that are told within an interval, one by one, those of one source among them, and the length of an interval in ms. */
export const MAX_TOLD = 20;
export const MAX_TOLD_OF_SOURCE = 5;
export const DENIALS_INTERVAL_MS = 10_000;

/** Flows that are known: those that were seen last. */
const MAX_FLOWS = 4_096;

export class ToldDenials {
  readonly #events: EventSink;
  readonly #clock: Pick<Clock, 'after'>;
  /** Those that were told. The one that was seen last is the last. */
  readonly #flows = new Set<string>();
  /** In this interval, by their sources: what one pod tries does not hide what befalls others. */
  readonly #toldOf = new Map<string, number>();
  #told = 0;
  #untold = 0;

  constructor(events: EventSink, clock: Pick<Clock, 'after'>) {
    this.#events = events;
    this.#clock = clock;
  }

  hear(packets: readonly DeniedPacket[]): void {
    for (const { packet, denier } of packets) {
      const flow = readFlow(packet);
      if (flow !== undefined) this.#take(flow, denier);
    }
  }

  #take(flow: PacketFlow, denier: Denier): void {
    const { source, destination, protocol, destinationPort } = flow;
    const key = [source, destination, protocol, destinationPort, denier.direction, denier.text].join(' ');
    const isKnown = this.#flows.delete(key);
    if (!isKnown && !this.#hasRoomFor(source)) return;
    if (this.#flows.size === MAX_FLOWS) this.#flows.delete(this.#flows.keys().next().value!);
    this.#flows.add(key);
    if (!isKnown) this.#tell(flow, denier);
  }

  /** Counts it. What is not told is not known either: it is, when it comes in another interval. */
  #hasRoomFor(source: string): boolean {
    if (this.#told + this.#untold === 0) this.#clock.after(DENIALS_INTERVAL_MS, () => this.#endInterval());
    const ofSource = this.#toldOf.get(source) ?? 0;
    if (this.#told === MAX_TOLD || ofSource === MAX_TOLD_OF_SOURCE) {
      this.#untold++;
      return false;
    }
    this.#told++;
    this.#toldOf.set(source, ofSource + 1);
    return true;
  }

  #tell({ source, destination, protocol, destinationPort }: PacketFlow, denier: Denier): void {
    const { direction, policy, rule, text, isAudit } = denier;
    const subject = policy === '' ? 'policies' : policy;
    const port = hasPorts(protocol) && destinationPort !== 0 ? ` ${destinationPort}` : '';
    const verdict = isAudit ? 'would be denied, and passed' : 'is denied';
    const where = direction === '' ? text : `${direction}, ${text}`;
    this.#events.add('policy-denied', {
      subject,
      message: `${protocolName(protocol)}${port} from ${source} to ${destination} ${verdict}: ${where}`,
      details: { source, destination, protocol, destinationPort, direction, policy, rule, isAudit, others: 0 },
    });
  }

  #endInterval(): void {
    const others = this.#untold;
    this.#told = 0;
    this.#untold = 0;
    this.#toldOf.clear();
    if (others === 0) return;
    const none = { source: '', destination: '', protocol: 0, destinationPort: 0, direction: '', policy: '', rule: '' };
    this.#events.add('policy-denied', {
      subject: 'policies',
      message: `${others} more packets, of flows that are not told, were denied or would be within ${DENIALS_INTERVAL_MS / 1_000} s: weft drops --by policy counts all`,
      details: { ...none, isAudit: false, others },
    });
  }
}
