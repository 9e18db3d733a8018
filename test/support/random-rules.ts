/** Random small rulesets of nftables, of what the judge understands and a little that it does not, around packets of a router. */
import type { SeededRandom } from '../../src/sim/seeded-random.ts';

/** What rules may name, so that many of them match. */
export interface RuleVocabulary {
  readonly devices: readonly string[];
  readonly ports: readonly number[];
  readonly addresses4: readonly string[];
  readonly prefixes4: readonly string[];
  readonly addresses6: readonly string[];
  readonly prefixes6: readonly string[];
  readonly mac: string;
}

/** Name of the tables; there is one of each of these families, and no other. */
export const RANDOM_TABLE = 'dice';

const families = ['inet', 'ip', 'ip6'] as const;
const hooks = ['prerouting', 'input', 'forward', 'output', 'postrouting'] as const;
const CHAINS = 3;

type Family = (typeof families)[number];
type Ip = 'ip' | 'ip6';
type Protocol = 'any' | 'tcp' | 'udp' | 'th' | 'icmp';

export class RandomRules {
  readonly #random: SeededRandom;
  readonly #words: RuleVocabulary;
  /** Whether the chain that is made is called where the kernel lets rules reject. */
  #canReject = false;
  /**
   * How ports are compared in the rule that is made: one way only.
   *
   * nft 1.0.6 lists two that follow each other, `>=` `<=` or `<` `>`, as one range, also if they are of different ports: `udp sport >= 443 udp dport
   * <= 3500` as `udp dport 443-3500`, and `udp sport < 3500 udp sport > 4789` as `udp sport != 3500-4789`. That is not what the kernel does.
   */
  #comparison = '<';

  constructor(random: SeededRandom, words: RuleVocabulary) {
    this.#random = random;
    this.#words = words;
  }

  /** Text for `nft -f`, which replaces the one before. */
  ruleset(): string {
    // Two chains of a hook with one priority would be called in the order in which they were made.
    const priorities = this.#shuffled([-310, -250, -150, -90, -1, 0, 1, 10, 50, 90, 110, 150]);
    const tables = families.map((family) => this.#table(family, priorities));
    const removals = families.map(
      (family) => `add table ${family} ${RANDOM_TABLE}\ndelete table ${family} ${RANDOM_TABLE}`,
    );
    return [...removals, ...tables].join('\n');
  }

  #table(family: Family, priorities: number[]): string {
    const called = Array.from({ length: CHAINS }, (_, index) => this.#chain(`c${index}`, '', family, index));
    const based = Array.from({ length: 1 + this.#random.below(2) }, (_, index) => {
      const policy = this.#random.below(5) === 0 ? 'drop' : 'accept';
      const hook = this.#pick(hooks);
      this.#canReject = hook === 'input' || hook === 'forward' || hook === 'output';
      // Only here does the kernel look up the way back.
      const first =
        hook === 'prerouting'
          ? this.#pick(['', 'fib saddr . iif oif missing drop', 'fib saddr . iif oif exists accept'])
          : '';
      const head = `type filter hook ${hook} priority ${priorities.pop()}; policy ${policy};\n${first}`;
      return this.#chain(`b${index}`, head, family, -1);
    });
    // Those that are jumped to first: a chain has to be there before another one names it.
    const chains = [...called.toReversed(), ...based].join('\n');
    return `table ${family} ${RANDOM_TABLE} {\n${this.#sets(family)}\n${chains}\n}`;
  }

  #sets(family: Family): string {
    const ips = family === 'inet' ? (['ip', 'ip6'] as const) : [family];
    const ports = [...new Set([this.#port(), this.#port()])].join(', ');
    return [
      `set ports { type inet_service; flags interval; auto-merge; elements = { ${ports}, 3000-4000 } }`,
      `map verdicts { type ifname : verdict; flags interval; elements = { "${this.#device()}" : ${this.#pick(['accept', 'drop', 'return', 'continue'])} } }`,
      ...ips.flatMap((ip) => {
        const type = ip === 'ip' ? 'ipv4_addr' : 'ipv6_addr';
        return [
          `set ${ip}s { type ${type}; flags interval; auto-merge; elements = { ${this.#address(ip)}, ${this.#prefix(ip)} } }`,
          `set ${ip}pairs { type ${type} . inet_service; flags interval; elements = { ${this.#prefix(ip)} . ${this.#port()}-65535 } }`,
        ];
      }),
    ].join('\n');
  }

  #chain(name: string, head: string, family: Family, index: number): string {
    const rules = Array.from({ length: 1 + this.#random.below(4) }, () => this.#rule(family, index));
    return `chain ${name} {\n${head}\n${rules.join('\n')}\n}`;
  }

  /** Of one family and one protocol: nft refuses a rule of two. */
  #rule(family: Family, index: number): string {
    const ip = family === 'inet' ? this.#pick(['ip', 'ip6'] as const) : family;
    this.#comparison = this.#pick(['<', '>', '<=', '>=']);
    const protocol = this.#pick(['any', 'any', 'tcp', 'udp', 'th', 'icmp'] as const);
    const matches = Array.from({ length: this.#random.below(3) }, () => {
      const isOfProtocol = protocol !== 'any' && this.#random.below(2) === 0;
      return isOfProtocol ? this.#protocolMatch(protocol, ip) : this.#match(ip, family);
    });
    // Whatever asks for a protocol comes first and once: nft would otherwise find it in conflict with what it adds itself.
    const about = this.#pick(['', '', protocol === 'any' ? this.#anyProtocol() : '']);
    return [about, ...matches, this.#pick(['', '', 'counter']), this.#action(index, protocol)]
      .filter((word) => word !== '')
      .join(' ');
  }

  #anyProtocol(): string {
    return `meta l4proto ${this.#pick(['tcp', '!= udp', '{ icmp, ipv6-icmp }', '!= sctp'])}`;
  }

  #action(index: number, protocol: Protocol): string {
    const kind = this.#random.below(14);
    if (kind < 4 && index + 1 < CHAINS) return `${this.#pick(['jump', 'jump', 'goto'])} c${this.#later(index)}`;
    if (kind < 5) return 'accept';
    if (kind < 7) return this.#canReject && index === -1 ? this.#pick(['drop', 'reject']) : 'drop';
    if (kind === 7) return index === -1 ? 'accept' : this.#pick(['return', 'drop', 'accept']);
    if (kind === 8)
      return `meta mark set ${this.#pick(['0x1', '0x3', 'meta mark | 0x4', 'meta mark & 0x3', 'ct mark'])}`;
    if (kind === 9) return this.#pick(['ct mark set 0x5', 'ct mark set meta mark', 'notrack', 'counter']);
    if (kind === 10 && index + 1 < CHAINS && protocol === 'any') {
      return `meta l4proto vmap { tcp : jump c${this.#later(index)}, udp : ${this.#pick(['accept', 'continue'])}, icmp : goto c${this.#later(index)} }`;
    }
    if (kind === 11 && protocol === 'tcp')
      return `tcp dport vmap { ${this.#pick([22, 80])} : drop, 3000-4000 : accept }`;
    if (kind === 12) {
      return `ct state vmap { new : ${this.#pick(['accept', 'continue'])}, invalid : ${this.#pick(['drop', 'continue'])}, untracked : continue }`;
    }
    return this.#pick(['iifname vmap @verdicts', 'accept']);
  }

  /** A chain that is jumped to from here: later ones only, so that none comes back. */
  #later(index: number): number {
    return index + 1 + this.#random.below(CHAINS - index - 1);
  }

  #protocolMatch(protocol: Exclude<Protocol, 'any'>, ip: Ip): string {
    const not = this.#not();
    if (protocol === 'icmp') return ip === 'ip' ? `icmp type ${not}{ echo-request, 3 }` : 'icmpv6 type echo-request';
    const name = protocol === 'th' ? 'meta l4proto { tcp, udp } th' : protocol;
    const port = `${name} ${this.#pick(['sport', 'dport', 'dport'])}`;
    return this.#pick([
      `${port} ${not}${this.#port()}`,
      `${port} ${this.#comparison} ${this.#port()}`,
      `${port} ${not}{ ${this.#port()}, 20000-65535 }`,
      `${port} ${not}@ports`,
      ...(protocol === 'tcp'
        ? [
            `${ip} daddr . tcp dport ${not}@${ip}pairs`,
            'tcp flags syn / fin,syn,rst,ack',
            'tcp flags & (syn | ack) != syn',
          ]
        : []),
    ]);
  }

  #match(ip: Ip, family: Family): string {
    const not = this.#not();
    const side = this.#pick(['saddr', 'daddr']);
    return this.#pick([
      `${this.#pick(['iifname', 'oifname'])} ${not}"${this.#device()}"`,
      `iifname ${not}{ "${this.#device()}", "eth*" }`,
      `${this.#pick(['iif', 'oif'])} ${not}"${this.#pick(this.#words.devices)}"`,
      `${ip} ${side} ${not}${this.#address(ip)}`,
      `${ip} ${side} ${not}${this.#prefix(ip)}`,
      `${ip} ${side} ${not}@${ip}s`,
      this.#pick(['ct state new', 'ct state != new', 'ct state established,related', 'ct state untracked,new']),
      this.#pick([`meta mark ${not}0x1`, 'meta mark & 0x4 == 0x4', 'ct mark 0x5', `meta mark ${not}{ 0x0, 0x3 }`]),
      `ether saddr ${not}${this.#words.mac}`,
      this.#pick([`fib daddr type ${not}local`, 'ct status dnat', 'ct direction original']),
      ...(family === 'inet' ? [`meta nfproto ${ip === 'ip' ? 'ipv4' : 'ipv6'}`] : []),
      this.#pick(['limit rate 1000/second', 'meta length > 60', 'numgen inc mod 2 0']),
    ]);
  }

  #not(): string {
    return this.#pick(['', '', '', '!= ']);
  }

  #device(): string {
    const name = this.#pick(this.#words.devices);
    return this.#random.below(3) === 0 ? `${name.slice(0, 2)}*` : name;
  }

  #address(ip: 'ip' | 'ip6'): string {
    return this.#pick(ip === 'ip' ? this.#words.addresses4 : this.#words.addresses6);
  }

  #prefix(ip: 'ip' | 'ip6'): string {
    return this.#pick(ip === 'ip' ? this.#words.prefixes4 : this.#words.prefixes6);
  }

  #port(): number {
    return this.#pick(this.#words.ports);
  }

  #pick<Item>(items: readonly Item[]): Item {
    return items[this.#random.below(items.length)]!;
  }

  #shuffled(items: number[]): number[] {
    return items
      .map((item) => [this.#random.below(1_000_000), item] as const)
      .sort(([a], [b]) => a - b)
      .map(([, item]) => item);
  }
}
