/** Captured packets for people, a line each, or for programs, a JSON object each. */
import { once } from 'node:events';
import { parseComment, type Comment } from '../capture/comment.ts';
import { endsOfPacket, summarizePacket } from '../capture/packet-summary.ts';
import { TcpOrigins } from '../capture/tcp-origins.ts';
import { LinkType, type PcapngInterface, type PcapngPacket } from '../capture/pcapng.ts';
import { ETHERNET_HEADER_LENGTH, EtherType, readEtherType } from '../wire/ethernet.ts';
import { isOuter, type CaptureOutput } from './capture-output.ts';
import { PodNames } from './pod-names.ts';
import { wrap } from '../terminal/table.ts';
import { paint, type Terminal, type Tone } from '../terminal/terminal.ts';

/** A packet, as `--json` has it. */
export interface CaptureLine {
  /** With nanoseconds. */
  readonly time: string;
  readonly node: string;
  readonly hook: string;
  readonly direction: 'in' | 'out' | null;
  /** 16 hexadecimal digits, the same at every hook of every node; `null` if nobody can tell. */
  readonly id: string | null;
  readonly worker: number | null;
  readonly lengthBytes: number;
  readonly packet: string;
  /** Names of the pods whose packet it is, as far as they are known: `n1/web`. */
  readonly source: string | null;
  readonly destination: string | null;
  /** Keys as in the comment of a file. */
  readonly comment: Comment;
}

/** Of the device `any` (LINKTYPE_LINUX_SLL). */
const COOKED_HEADER_LENGTH = 16;
const VLAN_TAG_LENGTH = 4;

/** What names and comments of weft never have: another node may have written something else, for terminals to obey. */
const UNUSUAL = /[^ -~]/g;

/** Takes text. False: what it took has to be written before there is more. */
type Write = (text: string) => boolean;

export class CaptureLines implements CaptureOutput {
  readonly #isJson: boolean;
  readonly #terminal: Terminal;
  readonly #write: Write;
  readonly #names: PodNames;
  readonly #interfaces: PcapngInterface[] = [];
  /** People read small numbers, programs those on the wire. */
  readonly #origins = new TcpOrigins();
  #lines: string[] = [];

  constructor(
    isJson: boolean,
    terminal: Terminal,
    names = new PodNames(),
    write: Write = (text) => process.stdout.write(text),
  ) {
    this.#isJson = isJson;
    this.#names = names;
    this.#terminal = terminal;
    this.#write = write;
  }

  interface(described: PcapngInterface): number {
    return this.#interfaces.push(described) - 1;
  }

  packet(packet: PcapngPacket): void {
    const described = this.#interfaces[packet.interfaceId]!;
    const line = lineOf(packet, described, this.#names, this.#isJson ? undefined : this.#origins);
    this.#lines.push(this.#isJson ? `${JSON.stringify(line)}\n` : this.#text(line));
  }

  statistics(): void {
    // Said in the end, by whoever counts.
  }

  async flush(): Promise<void> {
    if (this.#lines.length === 0) return;
    const text = this.#lines.join('');
    this.#lines = [];
    if (!this.#write(text)) await once(process.stdout, 'drain');
  }

  async close(): Promise<void> {
    await this.flush();
  }

  #text({ time, node, hook, packet, source, destination, comment }: CaptureLine): string {
    const width = Math.max(...this.#interfaces.map(({ name }) => name.length));
    const ends = source === null && destination === null ? '' : `${source ?? '?'} > ${destination ?? '?'}`;
    const what = [ends, becameOf(comment)]
      .filter((part) => part !== '')
      .join(': ')
      .replaceAll(UNUSUAL, '?');
    const place = (node === '' ? hook : `${node}/${hook}`).replaceAll(UNUSUAL, '?');
    const tone = TONES[comment.verdict ?? ''];
    // Of the day a person knows; of the second six digits are enough to tell hooks apart.
    const head = `${time.slice(11, 26)}  ${place.padEnd(width)}  `;
    const text = `${packet}${what === '' ? '' : `  ${what}`}`;
    const room = (this.#terminal.widthColumns ?? Infinity) - head.length;
    if (text.length <= room) return `${head}${packet}${what === '' ? '' : `  ${paint(what, tone, this.#terminal)}`}\n`;
    const below = ' '.repeat(head.length);
    const lines = [...wrap(packet, room), ...wrap(what, room).map((line) => paint(line, tone, this.#terminal))];
    return lines.map((line, at) => `${at === 0 ? head : below}${line}\n`).join('');
  }
}

const TONES: Readonly<Record<string, Tone | undefined>> = { drop: 'bad', delivered: 'good' };

function lineOf(
  packet: PcapngPacket,
  described: PcapngInterface,
  names: PodNames,
  origins: TcpOrigins | undefined,
): CaptureLine {
  const { seconds, nanoseconds, direction, id, queue, lengthBytes, bytes, comment } = packet;
  const { name, linkType } = described;
  const slash = name.lastIndexOf('/');
  const hook = name.slice(slash + 1);
  const date = new Date(seconds * 1_000).toISOString().slice(0, 19);
  const [ip, mayBeTunnel] = [bytes.subarray(linkHeaderLength(bytes, linkType)), isOuter(described)];
  const [source, destination] = (endsOfPacket(ip, mayBeTunnel) ?? []).map((address) => names.of(address) ?? null);
  return {
    time: `${date}.${String(nanoseconds).padStart(9, '0')}Z`,
    node: name.slice(0, Math.max(0, slash)),
    hook,
    direction: direction ?? null,
    id: id === undefined ? null : id.toString(16).padStart(16, '0'),
    worker: queue ?? null,
    lengthBytes,
    packet: summarizePacket(ip, mayBeTunnel, origins),
    source: source ?? null,
    destination: destination ?? null,
    comment: (comment === undefined ? undefined : parseComment(comment)) ?? {},
  };
}

/** Of a device of the kernel: what stands before the IP packet, if it is one. */
function linkHeaderLength(bytes: Uint8Array, linkType: number = LinkType.raw): number {
  if (linkType === LinkType.raw) return 0;
  if (linkType !== LinkType.ethernet) return COOKED_HEADER_LENGTH;
  const isTagged = bytes.length > ETHERNET_HEADER_LENGTH && readEtherType(bytes, 0) === EtherType.vlan;
  return isTagged ? ETHERNET_HEADER_LENGTH + VLAN_TAG_LENGTH : ETHERNET_HEADER_LENGTH;
}

/** Who denies it, if a network policy does: `, ingress: isolated by shop/web`. */
function denierWords({ direction, policy, rule }: Comment): string {
  if (policy === undefined) return rule === undefined ? '' : `, ${NO_POLICY[rule] ?? rule}`;
  const who = rule === undefined ? `isolated by ${policy.replaceAll('+', ', ')}` : `${policy} ${rule}`;
  return direction === undefined ? `, ${who}` : `, ${direction}: ${who}`;
}

const NO_POLICY: Readonly<Record<string, string>> = {
  cut: 'of a connection that is not allowed any more',
  held: 'of a pod for which there are no rules yet',
  unknown: 'by a rule whose name is not known yet',
};

/** What became of it, in words: `sent to n2`, `drop: no-route`. */
function becameOf(comment: Comment): string {
  const { verdict, reason, peer, relay, route, segment, ambiguous } = comment;
  const through = relay === undefined ? '' : ` through ${relay}`;
  const to = peer === undefined ? '' : ` to ${peer}${through}`;
  const words: Readonly<Record<string, string>> = {
    forward: `forward${to}${route === undefined ? '' : ` by ${route}`}`,
    sent: `sent${to}`,
    relayed: `relayed${to}`,
    delivered: 'delivered',
    drop: `drop: ${reason}${denierWords(comment)}`,
    'would-drop': `would drop: ${reason}${denierWords(comment)}; it passed`,
  };
  const what = words[verdict ?? ''] ?? '';
  const notes = [
    ...(segment === undefined ? [] : [`segment ${segment}`]),
    ...(ambiguous === 'yes' ? ['ambiguous'] : []),
  ];
  return [what, ...notes].filter((part) => part !== '').join(', ');
}
