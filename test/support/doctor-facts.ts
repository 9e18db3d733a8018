/** A node on which nothing is wrong, as the doctor sees it, with one peer; tests change a part of it. */
import type { DaemonFacts, Facts, HostFacts, PeerFacts } from '../../src/doctor/facts.ts';
import type { FirewallChain, FirewallRule } from '../../src/linux/firewall.ts';
import { parsePrefix } from '../../src/wire/prefix.ts';

const host: HostFacts = {
  unseen: {},
  limits: { descriptors: { open: 60, limit: 1_024 }, tasks: [], files: { used: 500, limit: 100_000 } },
  missing: [],
  kernelRelease: '6.1.0-18-amd64',
  hasIpv6: true,
  firewall: [],
  plumbing: {
    tunDevice: 'weft0',
    podDevices: 'wf*',
    vxlanPort: 4_789,
    gossipPort: 7_948,
    clusterPrefixes: [parsePrefix('10.244.0.0/16')!, parsePrefix('fd00:10:244::/48')!],
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
};

const daemon: DaemonFacts = {
  unseen: {},
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
  readonly daemon?: Partial<DaemonFacts> | { readonly absence: string };
  /** Of the one peer. */
  readonly peer?: Partial<PeerFacts>;
}

/** A healthy node, changed. */
export function factsWith(changes: FactChanges = {}): Facts {
  const { daemon: change = {} } = changes;
  return {
    node: 'n1',
    host: { ...host, ...changes.host },
    daemon: 'absence' in change ? change : { ...daemon, peers: [{ ...peer, ...changes.peer }], ...change },
  };
}

/** A chain of iptables that calls itself nftables. */
export function chainWith(
  hook: string,
  policy: 'accept' | 'drop',
  rules: readonly Pick<FirewallRule, 'action' | 'matches'>[] = [],
): FirewallChain {
  return {
    table: 'nftables table ip filter',
    title: `nftables chain ip filter ${hook.toUpperCase()}`,
    families: [4],
    hook,
    policy,
    rules: rules.map((rule) => ({ ...rule, text: 'a rule', removal: 'nft delete rule' })),
  };
}

/** A rule that asks for one field. */
export function ruleOn(
  action: FirewallRule['action'],
  field: FirewallRule['matches'][number]['field'],
  ...values: readonly string[]
): Pick<FirewallRule, 'action' | 'matches'> {
  return { action, matches: [{ field, isNegated: false, values }] };
}
