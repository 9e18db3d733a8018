/**
 * Tells of flows that policies deny, each once for a rule: at a bounded rate, and of a bounded number, since pods decide how many there are.
 *
 *     packet ──its flow and rule are known──> nothing
 *       └─────new──> an event, or counted: with the others that are too many for this interval, at its end
 *
 * Ports of those who begin do not count: a client that tries again takes another one.
 */
import type { Clock } from '../../env/clock.ts';
import { hasPorts, protocolName } from '../../explain/packet-description.ts';
import { type PacketFlow, readFlow } from '../../explain/packet-flow.ts';
import type { EventSink } from '../process/event-log.ts';
import type { Denier } from './denier-names.ts';
import type { DeniedPacket } from './policy-log.ts';

/** Flows that are told within an interval, one by one, and its length in ms. */
export const MAX_TOLD = 20;
export const DENIALS_INTERVAL_MS = 10_000;

/** Flows that are known: those that were seen last. */
const MAX_FLOWS = 4_096;

export class ToldDenials {
  readonly #events: EventSink;
  readonly #clock: Pick<Clock, 'after'>;
  /** The one that was seen last is the last. */
  readonly #flows = new Set<string>();
  #told = 0;
  #untold = 0;

  constructor(events: EventSink, clock: Pick<Clock, 'after'>) {
    this.#events = events;
    this.#clock = clock;
  }

  hear(packets: readonly DeniedPacket[]): void {
    for (const { packet, denier } of packets) {
      const flow = readFlow(packet);
      if (flow !== undefined && this.#isNew(flow, denier)) this.#take(flow, denier);
    }
  }

  #isNew({ source, destination, protocol, destinationPort }: PacketFlow, denier: Denier): boolean {
    const key = [source, destination, protocol, destinationPort, denier.direction, denier.text].join(' ');
    const isNew = !this.#flows.delete(key);
    if (this.#flows.size === MAX_FLOWS) this.#flows.delete(this.#flows.keys().next().value!);
    this.#flows.add(key);
    return isNew;
  }

  #take(flow: PacketFlow, denier: Denier): void {
    if (this.#told + this.#untold === 0) this.#clock.after(DENIALS_INTERVAL_MS, () => this.#endInterval());
    if (this.#told === MAX_TOLD) {
      this.#untold++;
      return;
    }
    this.#told++;
    this.#tell(flow, denier);
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
    if (others === 0) return;
    const none = { source: '', destination: '', protocol: 0, destinationPort: 0, direction: '', policy: '', rule: '' };
    this.#events.add('policy-denied', {
      subject: 'policies',
      message: `${others} more flows were denied, or would be, within ${DENIALS_INTERVAL_MS / 1_000} s: weft drops --by policy counts all of them`,
      details: { ...none, isAudit: false, others },
    });
  }
}
