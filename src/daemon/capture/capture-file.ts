/** Writes packets as a pcapng file of this node: an interface per hook, and beside each packet what became of it. */
import { arch, release, type } from 'node:os';
import { formatComment, parseComment, verdictAt, type Comment } from '../../capture/comment.ts';
import { packetId } from '../../capture/packet-id.ts';
import { PcapngWriter } from '../../capture/pcapng-writer.ts';
import type { TappedPackets } from '../../capture/tapped-packets.ts';
import type { TapHeader } from '../../capture/tap-reader.ts';
import { entryOf } from '../../dataplane/drop-reason.ts';
import { hooks, type Hook } from '../../dataplane/hook.ts';
import { TapForm } from '../../dataplane/tap-record.ts';
import type { CaptureSpec } from '../../api/capture-api.ts';
import { peerOf, routeOf } from './capture-choice.ts';
import type { CapturePlan } from './capture-messages.ts';
import type { CaptureNames } from './capture-names.ts';
import { hookMask } from './capture-hooks.ts';
import { RememberedText } from './remembered-text.ts';

export interface CaptureFileOptions {
  readonly plan: Pick<CapturePlan, 'spec'>;
  readonly nodeName: string;
  readonly version: string;
  readonly names: CaptureNames;
  /** Takes what was written; it keeps nothing of it. */
  readonly write: (bytes: Uint8Array) => void;
}

/** An interface of the file. */
interface Tap {
  readonly interfaceId: number;
  accepted: number;
  /** Since the start, and since the last packet. */
  lost: number;
  unsaidLost: number;
}

/** How much is collected before it is given on. */
const COLLECTED_BYTES = 49_152;
const NS_PER_SECOND = 1_000_000_000;

export class CaptureFile {
  packets = 0;
  lost = 0;
  readonly #options: CaptureFileOptions;
  readonly #writer: PcapngWriter;
  readonly #taps = new Map<Hook, Tap>();
  #givenBytes = 0;
  #aheadNs = 0n;
  #ahead = { seconds: 0, nanoseconds: 0 };

  constructor(options: CaptureFileOptions) {
    this.#options = options;
    const os = `${type()} ${release()}`;
    const section = { hardware: arch(), os, application: `weft ${options.version}` };
    this.#writer = new PcapngWriter(section, new RememberedText());
    const { spec } = options.plan;
    const mask = hookMask(spec);
    for (const [hook, { name, shows, meaning }] of hooks.entries()) {
      if (((mask >>> hook) & 1) === 0) continue;
      const description = `${meaning}; ${rebuilt[shows]}`;
      const filter = filterText(spec);
      const { snaplenBytes = 0 } = spec;
      const tap = { name: `${options.nodeName}/${name}`, description, os, snaplenBytes, filter };
      const interfaceId = this.#writer.interface(tap);
      this.#taps.set(hook as Hook, { interfaceId, accepted: 0, lost: 0, unsaidLost: 0 });
    }
    this.flush();
  }

  /** Of the file, so far. */
  get bytes(): number {
    return this.#givenBytes + this.#writer.pendingBytes;
  }

  /** Notes that `records` were lost before the next one at `hook`; without one, at the end. */
  lose(hook: Hook | undefined, records: number): void {
    if (records === 0) return;
    const tap = hook === undefined ? [...this.#taps.values()].at(-1) : this.#taps.get(hook);
    this.lost += records;
    if (tap === undefined) return;
    tap.lost += records;
    tap.unsaidLost += records;
  }

  /** Adds the packet in hand, of the record with this header. */
  add(header: TapHeader, record: Uint8Array, packets: TappedPackets, aheadNs: bigint): void {
    const tap = this.#taps.get(header.hook);
    if (tap === undefined) return;
    const { at, lengthBytes, capturedBytes, innerAt, innerLengthBytes, innerCapturedBytes } = packets;
    const id = innerAt === -1 ? undefined : packetId(packets.bytes, innerAt, innerLengthBytes, innerCapturedBytes);
    this.#writer.packet({
      interfaceId: tap.interfaceId,
      ...this.#time(header, aheadNs),
      bytes: packets.bytes.subarray(at, at + capturedBytes),
      lengthBytes,
      direction: header.isOutward ? 'out' : 'in',
      lost: tap.unsaidLost,
      queue: header.form === TapForm.kernel ? undefined : header.worker,
      comment: formatComment(this.#comment(header, record, packets)),
      ...(id !== undefined && { id }),
    });
    tap.accepted++;
    tap.unsaidLost = 0;
    this.packets++;
    if (this.#writer.pendingBytes >= COLLECTED_BYTES) this.flush();
  }

  /** Gives on what was written so far. */
  flush(): void {
    if (this.#writer.pendingBytes === 0) return;
    const bytes = this.#writer.take();
    this.#givenBytes += bytes.length;
    this.#options.write(bytes);
  }

  /** Writes how each interface fared. Nothing may be added after that. */
  finish(aheadNs: bigint): void {
    const now = process.hrtime();
    const time = this.#time({ seconds: now[0], nanoseconds: now[1] }, aheadNs);
    for (const { interfaceId, accepted, lost } of this.#taps.values()) {
      this.#writer.statistics({ interfaceId, ...time, received: accepted + lost, dropped: lost, accepted });
    }
    this.flush();
  }

  #comment(header: TapHeader, record: Uint8Array, packets: TappedPackets): Comment {
    const { names } = this.#options;
    const route = routeOf(packets, names, 'destination');
    const peer = peerOf(header, record, packets, names);
    const relay = names.peer(header.peer)?.relay ?? '';
    const { segment, segments, checksum, hadRemoteChecksum } = packets;
    return {
      verdict: verdictAt(header.hook),
      ...(header.reason >= 0 && { reason: entryOf(header.reason)?.name ?? `${header.reason}` }),
      ...(header.noteBytes > 0 && noteOf(header, record)),
      ...(route && { route: route.prefix, origin: route.origin, version: `${route.version}` }),
      ...(peer !== '' && { peer }),
      ...(relay !== '' && { relay }),
      ...(segments > 1 && { segment: `${segment}/${segments}` }),
      ...(checksum !== 'as-is' && { checksum }),
      ...(hadRemoteChecksum && checksum === 'completed' && { rco: 'undone' }),
    };
  }

  /** A time by CLOCK_MONOTONIC, as time since 1970. */
  #time(time: { readonly seconds: number; readonly nanoseconds: number }, aheadNs: bigint) {
    if (aheadNs !== this.#aheadNs) {
      this.#aheadNs = aheadNs;
      const seconds = Number(aheadNs / BigInt(NS_PER_SECOND));
      this.#ahead = { seconds, nanoseconds: Number(aheadNs % BigInt(NS_PER_SECOND)) };
    }
    const nanoseconds = time.nanoseconds + this.#ahead.nanoseconds;
    const carry = Math.floor(nanoseconds / NS_PER_SECOND);
    return {
      seconds: time.seconds + this.#ahead.seconds + carry,
      nanoseconds: nanoseconds - carry * NS_PER_SECOND,
    };
  }
}

/** What a reader should know of the bytes, by what a hook shows. */
const rebuilt = {
  inner: 'inner IP packets, their checksums completed',
  outer: 'the IP and UDP header around the datagram is rebuilt: a socket does not show it',
  either: 'inner IP packets, or datagrams with a rebuilt IP and UDP header',
} as const;

function noteOf({ packetAt, capturedBytes, noteBytes }: TapHeader, record: Uint8Array): Comment {
  const at = packetAt + capturedBytes;
  return parseComment(new TextDecoder().decode(record.slice(at, at + noteBytes))) ?? {};
}

function filterText({ filter, outer }: CaptureSpec): string {
  const texts = [filter?.text ?? '', outer === undefined ? '' : `outer: ${outer.text}`];
  return texts.filter((text) => text !== '').join('; ');
}
