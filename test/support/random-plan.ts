/** Plans of nodes at random, out of a few addresses, prefixes, ports and names, so that much of them meets. */
import type {
  IsolationPlan,
  NodePlan,
  NodePlanChange,
  PeerSet,
  PlannedPort,
  PlannedRule,
  PodPlan,
  PortSet,
} from '../../src/policy/node-plan.ts';
import { comparePortElements } from '../../src/policy/same-plan.ts';
import type { SeededRandom } from '../../src/sim/seeded-random.ts';
import { formatIpAddress, type IpAddress } from '../../src/wire/address.ts';
import { comparePrefixes, parsePrefix, type Prefix } from '../../src/wire/prefix.ts';

export interface PlanWorld {
  readonly pods: readonly { readonly pod: string; readonly addresses: readonly IpAddress[] }[];
  /** Addresses of peers. */
  readonly hosts: readonly IpAddress[];
  /** Prefixes of peers, none of which overlaps another or one of the addresses. */
  readonly blocks: readonly string[];
  readonly ports: readonly number[];
}

const protocols = ['TCP', 'UDP', 'SCTP'] as const;

export class RandomPlans {
  readonly #random: SeededRandom;
  readonly #world: PlanWorld;

  constructor(random: SeededRandom, world: PlanWorld) {
    this.#random = random;
    this.#world = world;
  }

  /** Some peers, and some policies, are those of other plans, too. */
  next(): NodePlan {
    const peerSets = this.#some(['p1', 'p2', 'p3', 'p4', 'p5']).map((key) => this.#peerSet(key));
    const portSets = this.#some(['http', 'dns', 'metrics']).map((key) => this.#portSet(key));
    const isolations = (['ingress', 'egress'] as const).flatMap((direction) =>
      ['x', 'y'].map((name) => this.#isolation(`${direction} ${name}`, direction, peerSets, portSets)),
    );
    const pods = this.#world.pods.flatMap(({ pod, addresses }): PodPlan[] => {
      const key = (direction: 'ingress' | 'egress'): string | undefined =>
        this.#isOneOf(3) ? undefined : `${direction} ${this.#one(['x', 'y'])}`;
      return this.#isOneOf(6) ? [] : [{ pod, addresses, ingress: key('ingress'), egress: key('egress') }];
    });
    const used = new Set(pods.flatMap(({ ingress, egress }) => [ingress, egress]));
    return { pods, isolations: isolations.filter(({ key }) => used.has(key)), peerSets, portSets };
  }

  #peerSet(key: string): PeerSet {
    const hosts = this.#some(this.#world.hosts).map(hostPrefix);
    const blocks = this.#isOneOf(2) ? [] : this.#some(this.#world.blocks).map((text) => parsePrefix(text)!);
    return { key, prefixes: [...hosts, ...blocks].toSorted(comparePrefixes) };
  }

  #portSet(key: string): PortSet {
    const elements = this.#some(this.#world.hosts).flatMap((address) =>
      this.#some(protocols).map((protocol) => ({ address, protocol, port: this.#one(this.#world.ports) })),
    );
    return { key, elements: elements.toSorted(comparePortElements) };
  }

  #isolation(
    key: string,
    direction: 'ingress' | 'egress',
    peerSets: readonly PeerSet[],
    portSets: readonly PortSet[],
  ): IsolationPlan {
    const rules = (['admin', 'namespace', 'baseline'] as const).flatMap((tier) =>
      Array.from({ length: this.#random.below(4) }, (_, index): PlannedRule => {
        const action = tier === 'namespace' ? 'allow' : this.#one(['allow', 'deny', 'pass', 'deny'] as const);
        return {
          tier,
          name: `${tier} ${key}[${index}]`,
          action,
          isAudit: action === 'deny' && this.#isOneOf(4),
          peers: this.#isOneOf(4) || peerSets.length === 0 ? undefined : this.#one(peerSets).key,
          ports: this.#isOneOf(3) ? undefined : this.#ports(portSets, peerSets),
        };
      }),
    );
    const isIsolated = !this.#isOneOf(3);
    return {
      key,
      direction,
      rules,
      isolatedBy: isIsolated ? [`policy of ${key}`] : [],
      isAudit: isIsolated && this.#isOneOf(4),
    };
  }

  /** None overlaps another, so that what is told is told once. */
  #ports(portSets: readonly PortSet[], peerSets: readonly PeerSet[]): PlannedPort[] {
    if (peerSets.length > 0 && this.#isOneOf(8)) {
      const protocol = this.#one([...protocols, undefined]);
      return [{ kind: 'unknown', protocol, pods: this.#one(peerSets).key }];
    }
    if (portSets.length > 0 && this.#isOneOf(4)) return [{ kind: 'named', ports: this.#one(portSets).key }];
    return this.#some(protocols).flatMap((protocol): PlannedPort[] => {
      if (this.#isOneOf(4)) return [{ kind: 'any', protocol }];
      const all = this.#some(this.#world.ports).toSorted((a, b) => a - b);
      const singles = all.slice(2).map((port): PlannedPort => ({ kind: 'range', protocol, first: port, last: port }));
      return all.length < 2 ? singles : [{ kind: 'range', protocol, first: all[0]!, last: all[1]! }, ...singles];
    });
  }

  #isOneOf(many: number): boolean {
    return this.#random.below(many) === 0;
  }

  #one<Value>(values: readonly Value[]): Value {
    return values[this.#random.below(values.length)]!;
  }

  #some<Value>(values: readonly Value[]): Value[] {
    return values.filter(() => this.#isOneOf(2));
  }
}

/** What is not as before, as a planner would say it. */
export function planChange(before: NodePlan, after: NodePlan): NodePlanChange {
  return {
    pods: difference(before.pods, after.pods, ({ pod }) => pod),
    isolations: difference(before.isolations, after.isolations, ({ key }) => key),
    peerSets: difference(before.peerSets, after.peerSets, ({ key }) => key),
    portSets: difference(before.portSets, after.portSets, ({ key }) => key),
  };
}

function difference<Value>(before: readonly Value[], after: readonly Value[], keyOf: (value: Value) => string) {
  const texts = new Map(before.map((value) => [keyOf(value), textOf(value)]));
  const kept = new Set(after.map(keyOf));
  return {
    changed: after.filter((value) => texts.get(keyOf(value)) !== textOf(value)),
    gone: [...texts.keys()].filter((key) => !kept.has(key)),
  };
}

function textOf(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) => (part instanceof Uint8Array ? [...part] : part));
}

function hostPrefix(address: IpAddress): Prefix {
  return parsePrefix(`${formatIpAddress(address)}/${address.bytes.length * 8}`)!;
}
