/** Small clusters at random, with policies as their authors would write them, and flows: so small that most of it meets. */
import type {
  ClusterFacts,
  NamedPort,
  PolicyNamespace,
  PolicyNode,
  PolicyPod,
} from '../../src/policy/cluster-facts.ts';
import type { PolicyProtocol } from '../../src/policy/policy.ts';
import type { Flow } from '../../src/policy/verdict.ts';
import type { SeededRandom } from '../../src/sim/seeded-random.ts';
import { parseIpAddress, type IpAddress } from '../../src/wire/address.ts';
import { pick } from './mutation.ts';

const protocols = ['TCP', 'UDP', 'SCTP'] as const satisfies readonly PolicyProtocol[];
const namespaces = ['shop', 'shop', 'bank', 'park'];
const portNumbers = [53, 80, 81, 443];
const portNames = ['http', 'dns'];
const labelKeys = ['app', 'tier'];
const labelValues = ['a', 'b', ''];
const nodeNumbers = [1, 2, 3];

/** With what lies inside of each, as an exception. */
const blocks: readonly (readonly [cidr: string, ...inside: string[]])[] = [
  ['0.0.0.0/0', '10.244.0.0/16', '192.168.0.1/32', '128.0.0.0/1'],
  ['10.244.0.0/16', '10.244.1.0/24', '10.244.2.2/32', '10.244.2.0/30'],
  ['10.244.1.7/24', '10.244.1.2/32', '10.244.1.0/25'],
  ['192.168.0.0/24', '192.168.0.2/31', '192.168.0.0/30'],
  ['192.168.0.2/32'],
  ['203.0.113.0/24', '203.0.113.9/32'],
  ['::/0', 'fd00:1::/32', '8000::/1'],
  ['fd00:2::/32', 'fd00:2::2/128'],
];

const outside = ['203.0.113.9', '198.51.100.1', '2001:db8::9', '2001:db8::a'];

/** A policy as JSON, which the API would take. */
export type PolicyObject = Readonly<Record<string, unknown>>;

export class RandomPolicies {
  readonly #random: SeededRandom;

  constructor(random: SeededRandom) {
    this.#random = random;
  }

  cluster(): ClusterFacts {
    const pods = Array.from({ length: 2 + this.#random.below(6) }, (_, number) => this.pod(number));
    const nodes = nodeNumbers.filter(() => this.#random.below(5) > 0).map((number) => this.node(number));
    const known = [...new Set(namespaces)].filter(() => this.#random.below(4) > 0).map((name) => this.namespace(name));
    return { pods, nodes, namespaces: known };
  }

  pod(number: number): PolicyPod {
    const node = pick(this.#random, nodeNumbers);
    const hostNetwork = this.#random.below(6) === 0;
    // Two nodes may have pods of one address for a while; one node has not.
    const isShared = this.#random.below(3) === 0 && (node === 1) === (number % 2 === 0);
    const [home, last] = isShared ? [1, 100 + (number >> 1)] : [node, number + 2];
    const own = [`10.244.${home}.${last}`, `fd00:${home}::${last}`].slice(0, 1 + this.#random.below(2));
    return {
      key: `pod${number}`,
      namespace: pick(this.#random, namespaces),
      name: `pod${number}`,
      labels: this.#random.below(8) === 0 ? undefined : this.labels(),
      addresses: (hostNetwork ? [`192.168.0.${node}`] : own).map(address),
      nodeName: `node${node}`,
      hostNetwork,
      ports: this.#some(3, () => this.#namedPort()),
      hasMorePorts: this.#random.below(4) === 0,
    };
  }

  node(number: number): PolicyNode {
    return {
      name: `node${number}`,
      labels: this.labels(),
      underlayAddresses: [address(`192.168.0.${number}`)],
      overlayAddresses: [`10.244.${number}.1`, `fd00:${number}::1`].slice(0, 1 + this.#random.below(2)).map(address),
    };
  }

  namespace(name = pick(this.#random, namespaces)): PolicyNamespace {
    return { name, labels: this.labels() };
  }

  flow({ pods, nodes }: ClusterFacts): Flow {
    const all = [
      ...[...pods].flatMap(({ addresses }) => [...addresses, ...addresses, ...addresses]),
      ...[...nodes].flatMap(({ underlayAddresses, overlayAddresses }) => [...underlayAddresses, ...overlayAddresses]),
      ...outside.map(address),
    ];
    const source = pick(this.#random, all);
    const protocol = this.#random.below(8) === 0 ? undefined : pick(this.#random, protocols);
    return {
      source,
      destination: pick(
        this.#random,
        // Itself, now and then.
        all.filter((one) => one.family === source.family && (one !== source || this.#random.below(9) === 0)),
      ),
      protocol,
      port: protocol === undefined ? undefined : pick(this.#random, portNumbers),
    };
  }

  labels(): Record<string, string> {
    return Object.fromEntries(
      labelKeys.filter(() => this.#random.below(3) > 0).map((key) => [key, pick(this.#random, labelValues)]),
    );
  }

  policies(): readonly PolicyObject[] {
    const count = this.#random.below(7);
    return Array.from({ length: count }, (_, number) => this.policy(number));
  }

  policy(number: number): PolicyObject {
    const isAudit = this.#random.below(5) === 0;
    const annotations = isAudit ? { 'weft.dev/policy-mode': 'audit' } : {};
    const metadata = { name: `policy${number}`, annotations };
    if (this.#random.below(3) === 0) return { kind: 'ClusterNetworkPolicy', metadata, spec: this.#clusterSpec() };
    const namespace = pick(this.#random, namespaces);
    return { kind: 'NetworkPolicy', metadata: { ...metadata, namespace }, spec: this.#spec() };
  }

  #spec(): PolicyObject {
    const types = [undefined, ['Ingress'], ['Egress'], ['Ingress', 'Egress']];
    return {
      podSelector: this.#subject(),
      policyTypes: pick(this.#random, types),
      ingress: this.#some(3, () => ({ from: this.#some(3, () => this.#peer()), ports: this.#ports() })),
      egress: this.#some(3, () => ({ to: this.#some(3, () => this.#peer()), ports: this.#ports() })),
    };
  }

  #peer(): PolicyObject {
    const podSelector = this.#selector();
    const namespaceSelector = this.#selector();
    const [cidr, ...inside] = pick(this.#random, blocks);
    const except = inside.filter(() => this.#random.below(3) === 0);
    return pick(this.#random, [
      { podSelector },
      { namespaceSelector },
      { podSelector, namespaceSelector },
      { ipBlock: { cidr, except } },
    ]);
  }

  #ports(): readonly PolicyObject[] {
    return this.#some(3, () => {
      const protocol = pick(this.#random, [undefined, ...protocols]);
      const port = pick(this.#random, portNumbers);
      const endPort = this.#random.below(2) === 0 ? undefined : port + pick(this.#random, [0, 1, 400]);
      return pick<PolicyObject>(this.#random, [
        { protocol },
        { protocol, port: pick(this.#random, portNames) },
        { protocol, port, endPort },
      ]);
    });
  }

  #clusterSpec(): PolicyObject {
    return {
      tier: pick(this.#random, ['Admin', 'Baseline']),
      priority: this.#random.below(3),
      subject: this.#pods(),
      ingress: this.#some(3, () => ({ ...this.#rule('Ingress'), from: this.#several(() => this.#clusterPeer(2)) })),
      egress: this.#some(3, () => {
        const rule = this.#rule('Egress');
        const isNamed = JSON.stringify(rule).includes('destinationNamedPort');
        return { ...rule, to: this.#several(() => this.#clusterPeer(isNamed ? 2 : 5)) };
      }),
    };
  }

  #rule(name: string): PolicyObject {
    const protocols = this.#random.below(2) === 0 ? undefined : this.#several(() => this.#clusterProtocol());
    return { name: pick(this.#random, ['', name]), action: pick(this.#random, ['Accept', 'Deny', 'Pass']), protocols };
  }

  /** Of the first `kinds` of them. */
  #clusterPeer(kinds: number): PolicyObject {
    const networks = this.#several(() => pick(this.#random, blocks)[0].replace('1.7/24', '1.0/24'));
    const all = [
      { namespaces: this.#selector() },
      { pods: { namespaceSelector: this.#selector(), podSelector: this.#selector() } },
      { nodes: this.#selector() },
      { networks },
      { domainNames: ['example.com'] },
    ];
    return pick<PolicyObject>(this.#random, all.slice(0, kinds));
  }

  #clusterProtocol(): PolicyObject {
    const protocol = pick(this.#random, ['tcp', 'udp', 'sctp']);
    const number = pick(this.#random, portNumbers);
    return pick<PolicyObject>(this.#random, [
      { destinationNamedPort: pick(this.#random, portNames) },
      { [protocol]: { destinationPort: { number } } },
      { [protocol]: { destinationPort: { range: { start: number, end: number + pick(this.#random, [1, 400]) } } } },
      this.#random.below(8) === 0 ? { icmp: {} } : { [protocol]: {} },
    ]);
  }

  #pods(): PolicyObject {
    const selected = { namespaceSelector: this.#subject(), podSelector: this.#subject() };
    return this.#random.below(2) === 0 ? { pods: selected } : { namespaces: this.#subject() };
  }

  /** Everybody mostly: where policies select the same pods, it matters which is asked first. */
  #subject(): PolicyObject {
    return this.#random.below(2) === 0 ? {} : this.#selector();
  }

  /** Selects by labels, and namespaces by their name, too. */
  #selector(): PolicyObject {
    const key = pick(this.#random, [...labelKeys, ...labelKeys, 'kubernetes.io/metadata.name']);
    const values = key.includes('/') ? namespaces : labelValues;
    const operator = pick(this.#random, ['In', 'NotIn', 'Exists', 'DoesNotExist']);
    const some = this.#several(() => pick(this.#random, values));
    const expression = { key, operator, values: operator.endsWith('In') ? some : undefined };
    return pick<PolicyObject>(this.#random, [
      {},
      { matchLabels: { [key]: pick(this.#random, values) } },
      { matchExpressions: [expression] },
      { matchLabels: this.labels(), matchExpressions: [expression] },
    ]);
  }

  #namedPort(): NamedPort {
    return {
      name: pick(this.#random, portNames),
      protocol: pick(this.#random, protocols),
      port: pick(this.#random, portNumbers),
    };
  }

  /** Fewer than `most`; one at least, for {@link #several}. */
  #some<T>(most: number, make: () => T): T[] {
    return Array.from({ length: this.#random.below(most) }, make);
  }

  #several<T>(make: () => T): T[] {
    return Array.from({ length: 1 + this.#random.below(2) }, make);
  }
}

function address(text: string): IpAddress {
  return parseIpAddress(text)!;
}
