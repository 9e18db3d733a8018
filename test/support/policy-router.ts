/**
 * A router in a namespace of its own with pods around it, which are namespaces, too, and the world beyond: for what rules in the router do
 * with packets between them. While it is up, this process is in the namespace of the router.
 */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { SystemCallError } from '../../src/errors.ts';
import { runCommand } from '../../src/linux/command.ts';
import { enterNetworkNamespace } from '../../src/linux/network-namespace.ts';
import { sendRawPacket } from '../../src/linux/raw-packet.ts';
import { formatIpAddress, type IpAddress, parseIpAddress } from '../../src/wire/address.ts';
import { ipPacket, u16, u32 } from './ip-packet.ts';
import { Program } from './program.ts';
import { until } from './until.ts';

const talkerFile = fileURLToPath(new URL('policy-talker.ts', import.meta.url));

/** An end of the router's: a pod, or the world, which has several addresses of each family. */
export interface PolicyPlace {
  readonly name: string;
  /** Path of its namespace. */
  readonly netns: string;
  /** The router's end of its cable. */
  readonly device: string;
  readonly addresses: readonly IpAddress[];
}

/** What is sent: the first packet of a flow, but for a segment, which is one of TCP from the midst of a connection. */
export interface PolicyProbe {
  readonly from: PolicyPlace;
  readonly source: IpAddress;
  readonly destination: IpAddress;
  readonly kind: 'tcp' | 'segment' | 'udp' | 'sctp' | 'icmp';
  readonly sourcePort: number;
  readonly destinationPort: number;
}

/** Protocol numbers (IANA). */
export const probeProtocols = {
  4: { tcp: 6, segment: 6, udp: 17, sctp: 132, icmp: 1 },
  6: { tcp: 6, segment: 6, udp: 17, sctp: 132, icmp: 58 },
} as const;

/** Three pods, and the world. */
const usualPlaces: Readonly<Record<string, readonly string[]>> = {
  a: ['10.244.1.10', 'fd00:1::a'],
  b: ['10.244.1.11', 'fd00:1::b'],
  c: ['10.244.1.12', 'fd00:1::c'],
  world: ['192.0.2.2', '192.0.2.130', '198.51.100.7', '2001:db8::2', '2001:db8:1::2'],
};

const gateways = ['10.244.1.1', 'fd00:1::1'] as const;

/** A probe is known by its length, whatever it is: the first one of a volley is so long, in bytes. */
export const FIRST_LENGTH = 100;

/** Most in one volley: none is longer than the links take. */
export const MAX_VOLLEY = 1_200;

/** Sees what leaves, behind all other rules, but for what the kernel tells others of groups that it listens to. */
const seeing = `table inet seen {
  set lengths { typeof meta length; size 65535; flags dynamic; }
  chain left {
    type filter hook postrouting priority 300;
    ip6 daddr ff00::/8 return
    add @lengths { meta length }
  }
}`;

/** Nothing is answered. */
const silence = `table inet silence {
  chain in { type filter hook input priority 0; policy drop; }
}`;

const purpose = 'make a router for policies';

export class PolicyRouter {
  readonly places: ReadonlyMap<string, PolicyPlace>;
  readonly #router: string;
  #leave: (() => void) | undefined;
  /** The daemon's clock does not keep a process alive: a test that waits for it alone would end. */
  readonly #awake = setInterval(() => undefined, 60_000);

  private constructor(router: string, all: ReadonlyMap<string, PolicyPlace>) {
    this.#router = router;
    this.places = all;
  }

  /**
   * @param name of the namespaces, all of which begin with it. @param places names of its ends, and their addresses.
   * @param devices what the router calls those that are not to look like pods
   */
  static async up(
    name: string,
    places = usualPlaces,
    devices: Readonly<Record<string, string>> = {},
  ): Promise<PolicyRouter> {
    const router = `${name}-r`;
    const all = Object.entries(places).map(([place, addresses]): PolicyPlace => {
      return {
        name: place,
        netns: `/run/netns/${name}-${place}`,
        device: devices[place] ?? `wf${place}`,
        addresses: addresses.map((text) => parseIpAddress(text)!),
      };
    });
    await ip([router, ...all.map((place) => `${name}-${place.name}`)].map((one) => `netns add ${one}`));
    const up = new PolicyRouter(router, new Map(all.map((place) => [place.name, place])));
    up.#leave = enterNetworkNamespace(`/run/netns/${router}`);
    // What is sent of SCTP has no checksum: the kernel would know no connection of it.
    const sysctls = [
      'net.ipv4.ip_forward=1',
      'net.ipv6.conf.all.forwarding=1',
      'net.netfilter.nf_conntrack_checksum=0',
    ];
    await runCommand(['sysctl', '-qw', ...sysctls], { purpose });
    await ip(['link set lo up', `address add ${gateways[0]}/32 dev lo`, `address add ${gateways[1]}/128 dev lo nodad`]);
    for (const [index, place] of all.entries()) await attach(place, index);
    await runCommand(['nft', '-f', '-'], { purpose, input: seeing });
    return up;
  }

  /** The router itself, as one that sends. @param addresses of its own */
  itself(addresses: readonly string[]): PolicyPlace {
    return {
      name: 'router',
      netns: `/run/netns/${this.#router}`,
      device: 'lo',
      addresses: addresses.map((text) => parseIpAddress(text)!),
    };
  }

  /** Whether whoever is sent something answers. */
  async answer(isAnswered: boolean): Promise<void> {
    for (const { netns } of this.places.values()) {
      const input = isAnswered ? 'add table inet silence\ndelete table inet silence\n' : silence;
      await runCommand(['nft', '-f', '-'], { purpose, netns, input });
    }
  }

  /** Sends all of these, {@link MAX_VOLLEY} at most. @returns whether each left the router. */
  async volley(probes: readonly PolicyProbe[]): Promise<boolean[]> {
    await runCommand(['nft', 'flush', 'set', 'inet', 'seen', 'lengths'], { purpose });
    for (const [index, probe] of probes.entries()) {
      const leave = enterNetworkNamespace(probe.from.netns);
      try {
        sendRawPacket(packetOf(probe, FIRST_LENGTH + index), probe.destination);
      } catch (error) {
        // Rules at the sender itself do not let it out.
        if (!(error instanceof SystemCallError) || error.errnoName !== 'EPERM') throw error;
      } finally {
        leave();
      }
    }
    let lengths = await seenLengths();
    for (let before = -1; lengths.size !== before; lengths = await seenLengths()) before = lengths.size;
    return probes.map((_, index) => lengths.has(FIRST_LENGTH + index));
  }

  /** A program in a place that talks as it is told, see `policy-talker.ts`. It ends with its input. */
  talker(place: string): Talker {
    return new Talker(this.places.get(place)!.netns);
  }

  async down(): Promise<void> {
    clearInterval(this.#awake);
    this.#leave?.();
    const names = [...this.places.values()].map(({ netns }) => netns.replace('/run/netns/', ''));
    await ip([this.#router, ...names].map((one) => `netns delete ${one}`));
  }
}

export class Talker {
  readonly #program: Program;

  constructor(netns: string) {
    const argv = [`--net=${netns}`, '--', process.execPath, talkerFile];
    this.#program = new Program(spawn('nsenter', argv), `nsenter ${argv.join(' ')}`);
  }

  tell(line: string): void {
    this.#program.child.stdin.write(`${line}\n`);
  }

  /** Whether it said this line. */
  hasSaid(line: string): boolean {
    return this.#program.stdout.split('\n').includes(line);
  }

  /** Waits until it says a line. */
  async says(line: string): Promise<void> {
    await until(`"${line}" is said`, () => this.hasSaid(line));
  }

  async end(): Promise<void> {
    await this.#program.end();
  }
}

/** Of all that left since the volley began. */
async function seenLengths(): Promise<ReadonlySet<number>> {
  const listed = await runCommand(['nft', 'list', 'set', 'inet', 'seen', 'lengths'], { purpose });
  const [, elements = ''] = /elements = \{([^}]*)\}/.exec(listed) ?? [];
  return new Set([...elements.matchAll(/\d+/g)].map(([length]) => Number(length)));
}

async function attach({ device, addresses, netns }: PolicyPlace, index: number): Promise<void> {
  const [mac, peerMac] = [`02:00:00:00:01:0${index}`, `02:00:00:00:02:0${index}`];
  const words = addresses.map(formatIpAddress);
  await ip([
    `link add ${device} address ${mac} type veth peer name eth0 address ${peerMac} netns ${netns.replace(/.*\//, '')}`,
    `link set ${device} up`,
    ...words.flatMap((address) => [
      `route add ${address} dev ${device}`,
      `neighbour replace ${address} lladdr ${peerMac} dev ${device}`,
    ]),
  ]);
  await ip(
    [
      'link set lo up',
      'link set eth0 up',
      ...words.map((address) => `address add ${address}${address.includes(':') ? '/128 nodad' : '/32'} dev eth0`),
      ...gateways.flatMap((gateway) => [
        `route add ${gateway} dev eth0`,
        `neighbour replace ${gateway} lladdr ${mac} dev eth0`,
        `route add default via ${gateway} dev eth0`,
      ]),
    ],
    netns,
  );
}

/** Of exactly so many bytes, the IP header included. */
function packetOf(
  { source, destination, kind, sourcePort, destinationPort }: PolicyProbe,
  lengthBytes: number,
): Uint8Array {
  const ports = [...u16(sourcePort), ...u16(destinationPort)];
  const roomBytes = lengthBytes - (source.family === 4 ? 20 : 40);
  const tcp = (flags: number): number[] => [...ports, ...u32(7), ...u32(9), 0x50, flags, 0x20, 0, 0, 0, 0, 0];
  const header = {
    tcp: tcp(0x02),
    segment: tcp(0x10),
    udp: [...ports, ...u16(roomBytes), 0, 0],
    // An INIT chunk (RFC 9260, section 3.3.2), which must be the only one; its checksum is nobody's business here.
    sctp: [
      ...ports,
      0,
      0,
      0,
      0,
      0,
      0,
      0,
      0,
      1,
      0,
      ...u16(roomBytes - 12),
      ...u32(1),
      ...u32(65_536),
      0,
      1,
      0,
      1,
      ...u32(1),
    ],
    icmp: [source.family === 4 ? 8 : 128, 0, 0, 0, ...u16(sourcePort), 0, 1],
  }[kind];
  const transport = [...header, ...Array.from({ length: roomBytes - header.length }, () => 0)];
  const protocol = probeProtocols[source.family][kind];
  return ipPacket({ source: [...source.bytes], destination: [...destination.bytes], protocol, transport });
}

async function ip(lines: readonly string[], netns?: string): Promise<void> {
  await runCommand(['ip', '-batch', '-'], { purpose, input: lines.join('\n'), ...(netns !== undefined && { netns }) });
}
