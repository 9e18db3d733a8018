/** A node on which nothing is wrong, as the doctor sees it, with one peer; tests change a part of it. */
import type {
  DaemonAbsence,
  DaemonFacts,
  Facts,
  HostFacts,
  PeerFacts,
  PodInsideFacts,
  PortQuestion,
} from '../../src/doctor/facts.ts';
import { parseIptablesSave } from '../../src/firewall/iptables-ruleset.ts';
import type { Ruleset } from '../../src/firewall/ruleset.ts';
import { parseIpAddress } from '../../src/wire/address.ts';
import { parsePrefix } from '../../src/wire/prefix.ts';

const host: HostFacts = {
  unseen: {},
  limits: { descriptors: { open: 60, limit: 1_024 }, tasks: [], files: { used: 500, limit: 100_000 } },
  missing: [],
  kernelRelease: '6.1.0-18-amd64',
  hasIpv6: true,
  firewall: { chains: [] },
  plumbing: {
    tunDevice: 'weft0',
    podDevices: 'wf*',
    vxlanPort: 4_789,
    gossipPort: 7_948,
    clusterPrefixes: [parsePrefix('10.244.0.0/16')!, parsePrefix('fd00:10:244::/48')!],
    nodePrefixes: [parsePrefix('10.244.1.0/24')!, parsePrefix('fd00:10:244:1::/64')!],
    underlay: { device: 'eth0', address: parseIpAddress('198.18.0.1') },
    pods: [
      {
        device: 'wf0000000a',
        addresses: [parseIpAddress('10.244.1.2')!, parseIpAddress('fd00:10:244:1::2')!],
        allowSources: [],
      },
    ],
  },
};

const peer: PeerFacts = {
  name: 'n2',
  state: 'alive',
  since: '2026-01-01T00:00:00.000Z',
  version: '0.3.0',
  endpoint: '198.18.0.2:4789',
  announcedMtuBytes: 1_450,
  pathMtuBytes: 1_450,
  probing: 'confirmed',
  lossRatio: 0,
  lossOutRatio: 0,
  lossInRatio: 0,
  relay: '',
  routeDevice: 'eth0',
  trial: { sent: 1, answered: 1 },
  said: { vxlanPort: 4_789, vni: 42, clockOffsetMs: 3, clockUncertaintyMs: 0.2, seen: 100 },
  translations: [],
};

/** A pod in which nothing is wrong. */
export const healthyPod: PodInsideFacts = {
  name: 'web',
  netns: '/run/netns/web',
  addresses: [parseIpAddress('10.244.1.2')!],
  device: 'eth0',
  problem: '',
  faults: [],
  ignoresPings: [],
  firewall: { chains: [] },
  listening: [],
};

const daemon: DaemonFacts = {
  unseen: {},
  podsInside: [],
  ways: { diverted: [], rules: [], queuePackets: 500, tracked: undefined },
  version: '0.3.0',
  underlay: {
    device: 'eth0',
    address: '198.18.0.1',
    mtuBytes: 1_500,
    isMtuConfigured: false,
    deviceMtuBytes: 1_500,
    reason: 'its route leads to seed 198.18.0.2',
  },
  vni: 42,
  notices: [],
  differences: [],
  features: { tunChecksum: true, udpSegmentation: true, remoteChecksum: true, outerFragmentation: true },
  withoutFeatures: [],
  residual: 0,
  recent: { seconds: 30, dropped: {}, examples: {}, udpChecksumErrors: 0, overflow: 0, roundaboutProbes: {} },
  store: {
    directory: '/var/lib/weft',
    damaged: [],
    failing: [],
    unwritable: undefined,
    freeBytes: 2 ** 33,
    freeFiles: Infinity,
  },
  peers: [peer],
  canAsk: true,
};

/** What differs from a healthy node. */
export interface FactChanges {
  readonly host?: Partial<HostFacts>;
  readonly daemon?: Partial<DaemonFacts> | DaemonAbsence;
  readonly question?: PortQuestion;
  /** Of the one peer. */
  readonly peer?: Partial<PeerFacts>;
}

/** A healthy node, changed. */
export function factsWith(changes: FactChanges = {}): Facts {
  const { daemon: change = {} } = changes;
  return {
    node: 'n1',
    host: { ...host, ...changes.host },
    ...(changes.question !== undefined && { question: changes.question }),
    daemon: 'absence' in change ? change : { ...daemon, peers: [{ ...peer, ...changes.peer }], ...change },
  };
}

/** Rules of the table `filter` of iptables, as `iptables-save` writes them; chains without a policy of their own accept. */
export function firewallOf(...lines: readonly string[]): Ruleset {
  const chains = ['INPUT', 'FORWARD', 'OUTPUT'].filter((name) => !lines.some((line) => line.startsWith(`:${name} `)));
  const text = ['*filter', ...chains.map((name) => `:${name} ACCEPT`), ...lines].join('\n');
  return parseIptablesSave(text, { program: 'iptables', family: 4, tableTitle: (table) => `iptables table ${table}` });
}
