/** What the taps of this node see of one trace, from its beginning until it is asked for. */
import { packetId } from '../../capture/packet-id.ts';
import { TapHeader } from '../../capture/tap-reader.ts';
import { type DropReason, nameOf } from '../../dataplane/drop-reason.ts';
import { ENCAPSULATION_LENGTH } from '../../dataplane/encapsulation.ts';
import { Hook, hooks } from '../../dataplane/hook.ts';
import { TapForm } from '../../dataplane/tap-record.ts';
import { type TapRingMemory, TapRingReader } from '../../dataplane/tap-ring.ts';
import { realtimeAheadNs } from '../../linux/clock.ts';
import { formatEndpoint } from '../../wire/address.ts';
import { VIRTIO_NET_HEADER_LENGTH } from '../../wire/virtio-net.ts';
import type { Sighting } from '../../api/trace-api.ts';
import { recognize, type TracedPacket } from './trace-probe.ts';
import { traceWords } from './trace-words.ts';

/** Name of a peer, and of the relay through which this way goes to it. */
export interface NamedNumber {
  readonly name: string;
  readonly relay: string;
}

/** Bytes before the inner packet, by the form of a record. */
const INNER_OFFSET: Readonly<Record<TapForm, number>> = {
  [TapForm.virtio]: VIRTIO_NET_HEADER_LENGTH,
  [TapForm.inner]: 0,
  [TapForm.datagram]: ENCAPSULATION_LENGTH,
  [TapForm.kernel]: 0,
};

/** Sightings that are kept: more are no trace any more. */
const MAX_SIGHTINGS = 2_000;
/** Records of a worker that are looked at in one go: whoever fills the ring faster must not keep gossip waiting. */
const MAX_RECORDS = 4_096;

const NS_PER_SECOND = 1_000_000_000n;

export class TraceListener {
  readonly #traced: TracedPacket;
  readonly #readers: readonly TapRingReader[];
  readonly #nameOf: (peer: number) => NamedNumber | undefined;
  readonly #header = new TapHeader();
  readonly #sightings: Sighting[] = [];

  constructor(
    traced: TracedPacket,
    rings: readonly TapRingMemory[],
    nameOf: (peer: number) => NamedNumber | undefined,
  ) {
    this.#traced = traced;
    this.#readers = rings.map((ring) => new TapRingReader(ring));
    this.#nameOf = nameOf;
  }

  /** Records that the rings had no room for. */
  get lost(): number {
    return this.#readers.reduce((sum, { lost }) => sum + lost, 0);
  }

  /** What was seen so far. */
  look(): readonly Sighting[] {
    const aheadNs = realtimeAheadNs();
    for (const reader of this.#readers) {
      for (let records = 0; records < MAX_RECORDS; records++) {
        const view = reader.peek();
        if (view === undefined) break;
        this.#take(view.bytes, view.at, aheadNs);
        reader.advance();
      }
    }
    return this.#sightings;
  }

  /** Whether probe `number` has come to an end that is known at this node: it was dropped, or something came back for it. */
  isOver(number: number): boolean {
    return this.look().some(
      (one) =>
        one.number === number &&
        (one.hook === hooks[Hook.drop]!.name || (one.role !== 'probe' && one.hook === hooks[Hook.toPod]!.name)),
    );
  }

  #take(bytes: Uint8Array, at: number, aheadNs: bigint): void {
    const header = this.#header;
    header.read(bytes, at);
    const innerAt = header.packetAt + INNER_OFFSET[header.form];
    const [lengthBytes, available] = [header.lengthBytes, header.capturedBytes].map(
      (length) => length - INNER_OFFSET[header.form],
    ) as [number, number];
    const found = recognize(this.#traced, bytes, innerAt, available);
    if (found === undefined || this.#sightings.length >= MAX_SIGHTINGS) return;
    const id = packetId(bytes, innerAt, lengthBytes, available);
    // Before anything was decided there is none, whatever was in hand before.
    const peer = header.hook === Hook.fromPod ? undefined : this.#nameOf(header.peer);
    const { from, to } = endpointsOf(header, bytes);
    this.#sightings.push({
      hook: hooks[header.hook]!.name,
      ...found,
      id: id === undefined ? '' : id.toString(16).padStart(16, '0'),
      timeNs: String(BigInt(header.seconds) * NS_PER_SECOND + BigInt(header.nanoseconds) + aheadNs),
      lengthBytes,
      peer: peer?.name ?? '',
      relay: peer?.relay ?? '',
      from,
      to,
      reason: header.reason === -1 ? '' : nameOf(header.reason as DropReason),
      says: traceWords(this.#traced, found.role, bytes, innerAt, available),
    });
  }
}

function endpointsOf(header: TapHeader, bytes: Uint8Array): { readonly from: string; readonly to: string } {
  const { family, localAddressAt, remoteAddressAt, localPort, remotePort } = header;
  if (family !== 4 && family !== 6) return { from: '', to: '' };
  const endpoint = (at: number, port: number): string =>
    formatEndpoint({ address: { family, bytes: bytes.slice(at, at + (family === 4 ? 4 : 16)) }, port });
  const [local, remote] = [endpoint(localAddressAt, localPort), endpoint(remoteAddressAt, remotePort)];
  return header.isOutward ? { from: local, to: remote } : { from: remote, to: local };
}
