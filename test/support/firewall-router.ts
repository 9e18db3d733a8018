/** A router in a namespace of its own, between a sender and nobody: what its firewall does with a packet, the kernel itself tells. */
import { judgePassage, type Judgement, type Passage } from '../../src/firewall/judgement.ts';
import { firstPacket, type FilteredPacket } from '../../src/firewall/filtered-packet.ts';
import type { RulePlace } from '../../src/firewall/chain-walk.ts';
import type { Ruleset } from '../../src/firewall/ruleset.ts';
import type { PacketDescription } from '../../src/explain/packet-description.ts';
import { encodeTraceProbe, NUMBER_BITS } from '../../src/daemon/probes/trace-probe.ts';
import { SystemCallError } from '../../src/errors.ts';
import { runCommand } from '../../src/linux/command.ts';
import { enterNetworkNamespace } from '../../src/linux/network-namespace.ts';
import { NftTraceSocket } from '../../src/linux/nft-trace-socket.ts';
import type { NftTraceEvent } from '../../src/linux/nft-trace-message.ts';
import { sendRawPacket } from '../../src/linux/raw-packet.ts';
import { type IpAddress, parseIpAddress } from '../../src/wire/address.ts';
import { IpProtocol } from '../../src/wire/ip.ts';
import { equalOctets } from '../../src/wire/octets.ts';

/** Device towards the sender, named as one of a pod, and that towards nobody. */
export const IN_DEVICE = 'wfpod';
export const OUT_DEVICE = 'weft0';
export const SENDER_MAC = '02:00:00:00:00:02';
const ROUTER_MAC = '02:00:00:00:00:01';

/** A way of a packet, and the addresses that belong to it. */
const ways = {
  forwarded: { 4: ['10.244.1.2', '10.244.2.2'], 6: ['fd00:1::2', 'fd00:2::2'] },
  incoming: { 4: ['10.244.1.2', '10.244.1.1'], 6: ['fd00:1::2', 'fd00:1::1'] },
  outgoing: { 4: ['10.244.2.1', '10.244.2.2'], 6: ['fd00:2::1', 'fd00:2::2'] },
} as const satisfies Readonly<Record<Passage, object>>;

/** What is sent. */
export interface RouterPacket {
  readonly passage: Passage;
  readonly family: 4 | 6;
  readonly protocol: 'icmp' | 'tcp' | 'udp';
  readonly destinationPort: number;
}

/** What the kernel did, and the rule or policy that did it if it was a drop. */
export interface KernelVerdict {
  readonly verdict: 'accept' | 'drop';
  readonly table: string;
  readonly chain: string;
  /** -1: the policy. */
  readonly handle: number;
}

/** Before all chains, and behind them. */
const tracing = `table inet tracing {
  chain in { type filter hook prerouting priority -500; meta nftrace set 1; }
  chain made { type filter hook output priority -500; meta nftrace set 1; }
  chain arrived { type filter hook input priority 500; }
  chain left { type filter hook postrouting priority 500; }
}`;

const KERNEL_DEADLINE_MS = 60_000;
const FIRST_PORT = 32_768;
const NUMBERS = 1 << NUMBER_BITS;

export class FirewallRouter {
  readonly #router: string;
  readonly #sender: string;
  readonly #traces: NftTraceSocket;
  #number = 0;

  private constructor(router: string, sender: string, traces: NftTraceSocket) {
    this.#router = router;
    this.#sender = sender;
    this.#traces = traces;
  }

  /** Path of its namespace. */
  get netns(): string {
    return pathOf(this.#router);
  }

  static async up(name: string): Promise<FirewallRouter> {
    const [router, sender, nobody] = [`${name}-r`, `${name}-s`, `${name}-n`];
    await ip(
      ...[router, sender, nobody].map((one) => `netns add ${one}`),
      `link add ${IN_DEVICE} netns ${router} address ${ROUTER_MAC} type veth peer name eth0 address ${SENDER_MAC} netns ${sender}`,
      `link add ${OUT_DEVICE} netns ${router} type veth peer name eth0 netns ${nobody}`,
      `-n ${nobody} link set eth0 up`,
    );
    await run(['sysctl', '-qw', 'net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1'], router);
    await ipIn(router, [
      `link set ${IN_DEVICE} up`,
      `link set ${OUT_DEVICE} up`,
      `address add 10.244.1.1/24 dev ${IN_DEVICE}`,
      `address add fd00:1::1/64 dev ${IN_DEVICE} nodad`,
      `address add 10.244.2.1/24 dev ${OUT_DEVICE}`,
      `address add fd00:2::1/64 dev ${OUT_DEVICE} nodad`,
      ...['10.244.2.2', 'fd00:2::2'].map((to) => `neighbour replace ${to} lladdr 02:00:00:00:00:03 dev ${OUT_DEVICE}`),
      ...['10.244.1.2', 'fd00:1::2'].map((to) => `neighbour replace ${to} lladdr ${SENDER_MAC} dev ${IN_DEVICE}`),
    ]);
    await ipIn(sender, [
      'link set eth0 up',
      'address add 10.244.1.2/24 dev eth0',
      'address add fd00:1::2/64 dev eth0 nodad',
      'route add default via 10.244.1.1',
      'route add default via fd00:1::1',
      // Nobody has to ask for addresses, which rules would drop as well.
      ...['10.244.1.1', 'fd00:1::1'].map((to) => `neighbour replace ${to} lladdr ${ROUTER_MAC} dev eth0`),
    ]);
    await run(['nft', '-f', '-'], router, tracing);
    return new FirewallRouter(
      router,
      sender,
      inNamespace(router, () => new NftTraceSocket()),
    );
  }

  async down(): Promise<void> {
    this.#traces.close();
    const names = [this.#router, this.#sender, this.#router.replace(/r$/, 'n')];
    await ip(...names.map((name) => `netns delete ${name}`));
  }

  /** Runs `nft -f` in the router. */
  async load(rules: string): Promise<void> {
    await run(['nft', '-f', '-'], this.#router, rules);
  }

  /** What the kernel does with the first packet of a new connection; says also what the packet was. */
  async send(packet: RouterPacket): Promise<{ readonly kernel: KernelVerdict; readonly packet: FilteredPacket }> {
    const described = describe(packet);
    // Never the same twice: the kernel would take it for more of a connection that it knows.
    const port = FIRST_PORT + this.#number++;
    const number = packet.protocol === 'icmp' ? 0 : port & (NUMBERS - 1);
    const bytes = encodeTraceProbe({ ...described, mark: port - number }, number);
    this.#traces.read();
    const from = packet.passage === 'outgoing' ? this.#router : this.#sender;
    inNamespace(from, () => sendUnlessRefused(bytes, described.destination));
    const kernel = await this.#verdict(described);
    const isOut = packet.passage === 'outgoing';
    return {
      kernel,
      packet: firstPacket({
        family: packet.family,
        inDevice: isOut ? '' : IN_DEVICE,
        outDevice: packet.passage === 'incoming' ? '' : OUT_DEVICE,
        sourceMac: isOut ? '' : SENDER_MAC,
        source: described.source,
        destination: described.destination,
        protocol: described.protocol,
        sourcePort: packet.protocol === 'icmp' ? undefined : port,
        destinationPort: packet.protocol === 'icmp' ? undefined : described.destinationPort,
        returnsByInDevice: isOut ? undefined : true,
      }),
    };
  }

  /** Waits until the kernel has said how it ended. */
  async #verdict({ source, destination }: PacketDescription): Promise<KernelVerdict> {
    const deadline = performance.now() + KERNEL_DEADLINE_MS;
    const ids = new Set<number>();
    const isOurs = ({ headers }: NftTraceEvent): boolean => {
      const at = source.family === 4 ? 12 : 8;
      const length = source.bytes.length;
      return (
        equalOctets(headers, at, source.bytes, 0, length) &&
        equalOctets(headers, at + length, destination.bytes, 0, length)
      );
    };
    while (performance.now() < deadline) {
      for (const event of this.#traces.read()) {
        const { id, headers, table, chain, handle, verdict, type } = event;
        if (headers.length > 0) {
          if (isOurs(event)) ids.add(id);
          else ids.delete(id);
        }
        if (!ids.has(id)) continue;
        if (verdict === 'drop') return { verdict, table, chain, handle };
        const isOver = table === 'inet tracing' && (chain === 'left' || chain === 'arrived') && type === 'policy';
        if (isOver) return { verdict: 'accept', table: '', chain: '', handle: -1 };
      }
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    throw new Error('the kernel did not say what became of the packet');
  }
}

/** What the judge says, in the words of the kernel: several verdicts where rules that cannot be decided come to the same. */
export function judged(
  ruleset: Ruleset,
  passage: Passage,
  packet: FilteredPacket,
): readonly KernelVerdict[] | 'unknown' {
  const { verdict, place, earlier }: Judgement = judgePassage(ruleset, passage, packet);
  if (verdict === 'unknown') return verdict;
  return [place, ...earlier].map((one) => kernelVerdict(verdict, one));
}

function kernelVerdict(verdict: 'accept' | 'drop' | 'reject', place: RulePlace | undefined): KernelVerdict {
  const table = place?.chain.table.replace('nftables table ', '') ?? '';
  return {
    verdict: verdict === 'accept' ? 'accept' : 'drop',
    table,
    chain: place?.chain.name ?? '',
    handle: place?.rule?.handle ?? -1,
  };
}

function describe({ passage, family, protocol, destinationPort }: RouterPacket): PacketDescription {
  const [source, destination] = ways[passage][family].map((text) => parseIpAddress(text)!);
  const icmp = family === 4 ? IpProtocol.icmp : IpProtocol.icmpv6;
  return {
    source: source!,
    destination: destination!,
    protocol: protocol === 'icmp' ? icmp : IpProtocol[protocol],
    sourcePort: 0,
    destinationPort: protocol === 'icmp' ? 0 : destinationPort,
    sizeBytes: 84,
  };
}

/** What is dropped where it is made, the kernel tells the sender, too. */
function sendUnlessRefused(bytes: Uint8Array, destination: IpAddress): void {
  try {
    sendRawPacket(bytes, destination);
  } catch (error) {
    if (!(error instanceof SystemCallError && error.errnoName === 'EPERM')) throw error;
  }
}

function inNamespace<Result>(name: string, act: () => Result): Result {
  const leave = enterNetworkNamespace(pathOf(name));
  try {
    return act();
  } finally {
    leave();
  }
}

function pathOf(name: string): string {
  return `/run/netns/${name}`;
}

async function ip(...lines: readonly string[]): Promise<void> {
  for (const line of lines) await runCommand(['ip', ...line.split(' ')], { purpose: 'set up a router' });
}

async function ipIn(name: string, lines: readonly string[]): Promise<void> {
  await run(['ip', '-batch', '-'], name, lines.map((line) => `${line}\n`).join(''));
}

async function run(argv: readonly string[], name: string, input = ''): Promise<void> {
  await runCommand(argv, { purpose: 'set up a router', netns: pathOf(name), input });
}
