/** Answers of a daemon that does not exist: the same each time, for tests of the control API and of the CLI. */
import type { ServicesReport } from '../../src/api/service-api.ts';
import type { Attached } from '../../src/api/cni-api.ts';
import type { AuditReport, Digest, HistoryEvent, Key, Peer, Pod, Route, Status } from '../../src/api/control-api.ts';
import type { RunningCapture } from '../../src/api/capture-api.ts';
import type { ControlHandlers } from '../../src/daemon/control/control-handlers.ts';
import type { DirectoryReport } from '../../src/api/directory-api.ts';
import { RefusedMessages } from '../../src/directory/refused-messages.ts';
import type { PolicyCounts, PolicyDenialsReport, PolicyReport, PolicyRuleCounts } from '../../src/api/policy-api.ts';
import type { PlaceReport } from '../../src/api/place-api.ts';
import type { DropReport } from '../../src/api/drop-api.ts';
import type { Fault } from '../../src/api/fault-api.ts';
import { AnnouncementDelays } from '../../src/daemon/gossip/gossip-metrics.ts';
import { systemClock } from '../../src/daemon/process/system-environment.ts';
import { TimerLateness } from '../../src/daemon/gossip/timer-lateness.ts';
import { Metrics } from '../../src/daemon/metrics.ts';
import type { IpamStatus, LeaseCheck } from '../../src/api/ipam-api.ts';
import { dropReasons } from '../../src/dataplane/drop-reason.ts';
import { ConflictError, ExhaustedError, NotFoundError } from '../../src/errors.ts';
import type { DoctorReport } from '../../src/doctor/finding.ts';
import { memberOf } from './announcements.ts';
import { fixedExplanation, fixedFlows } from './fixed-explanation.ts';
import { fixedMatrix, fixedPing, fixedTrace } from './fixed-probes.ts';

/** A node with one gossip peer, one static peer, a few drops and two notices. */
export const fixedStatus: Status = {
  version: '0.1.0',
  nodeName: 'n1',
  identity: '4f1c2a9be07d4d5fb1a0c3d2e4f50617',
  network: 'default',
  startedAt: '2026-01-01T00:00:00.000Z',
  pid: 4711,
  configFile: '/etc/weft/weft.yaml',
  underlay: { interface: 'eth0', address: '198.18.0.1', mtuBytes: 1500, reason: 'its route leads to seed 198.18.0.2' },
  vxlan: { port: 4789, vni: 42 },
  tun: { device: 'weft0', mtuBytes: 1450, mac: '02:4f:1c:2a:9b:e0' },
  clusterPrefixes: ['10.244.0.0/16', 'fd00:10:244::/48'],
  nodePrefixes: ['10.244.1.0/24', 'fd00:10:244:1::/64'],
  nodeAddresses: ['10.244.1.1', 'fd00:10:244:1::1'],
  gossip: {
    endpoint: '198.18.0.1:7948',
    seeds: ['198.18.0.2:7948'],
    authenticated: false,
    members: { alive: 2, suspect: 0, dead: 1, left: 0 },
    datagramsReceived: 6_000,
    socketOverflow: 5,
    sendForbidden: 2,
    refused: { 'too-long': 3, malformed: 0 },
    statistics: {
      queueLength: 4,
      localHealth: 1,
      suspicions: 1,
      suspicionsStarted: 6,
      suspicionsRefuted: 4,
      deaths: 1,
      refutations: 2,
      probesSent: 900,
      probesFailed: 8,
      probesAnsweredOnStream: 3,
      probesRoundabout: { '9d0c2a9be07d4d5fb1a0c3d2e4f50618': 2 },
      exchangesStarted: 70,
      exchangesFailed: 5,
      datagramsSent: 5_900,
      bytesSent: 700_000,
      directives: 1,
    },
  },
  dataEncrypted: false,
  audit: { time: '2026-01-03T04:05:00.000Z', repaired: 3, remaining: 1 },
  peers: 2,
  routes: 5,
  pods: 1,
  names: {
    enabled: true,
    domain: 'weft.internal',
    listening: ['10.244.1.1', 'fd00:10:244:1::1', '169.254.1.1', 'fe80::1%wf1a2b3c4d'],
    resolvers: ['192.0.2.53'],
    known: 5,
    contested: 1,
    unnameable: 2,
    questions: {
      answered: 70,
      'no-data': 6,
      'no-name': 5,
      'not-yet': 0,
      forwarded: 40,
      unanswered: 3,
      'no-resolver': 0,
      busy: 0,
      refused: 1,
      malformed: 2,
      'rate-limited': 8,
      stranger: 4,
    },
    truncated: 1,
    overTcp: 9,
    turnedAway: 7,
  },
  kubernetes: {
    server: '10.96.0.1:443',
    node: 'n1',
    ipam: 'kubernetes',
    reachable: false,
    since: '2026-01-03T04:00:00.000Z',
    problem: 'nodes: connect ECONNREFUSED 10.96.0.1:443',
    storedAt: '2026-01-03T03:50:00.000Z',
    resources: [
      { name: 'nodes', state: 'waiting', objects: 3, unreadable: 0, lists: 0 },
      { name: 'pods', state: 'waiting', objects: 12, unreadable: 0, lists: 0 },
    ],
  },
  features: {
    tunChecksum: true,
    tunTcpSegmentation: true,
    tunUdpSegmentation: true,
    udpSegmentation: true,
    udpCoalescing: false,
    coalescing: true,
    remoteChecksum: true,
    ecn: true,
    outerFragmentation: false,
  },
  workers: [
    {
      worker: 0,
      egress: {
        received: 1_000_000,
        originated: 2,
        sent: 999_990,
        delivered: 2,
        relayed: 0,
        dropped: { ...reasonsAtZero('egress'), 'no-route': 10 },
        queued: 0,
        receivedBytes: 1_400_000_000,
        forwardedBytes: 1_399_986_000,
      },
      ingress: {
        received: 500_020,
        originated: 0,
        sent: 0,
        delivered: 500_000,
        relayed: 20,
        dropped: reasonsAtZero('ingress'),
        queued: 0,
        receivedBytes: 26_000_000,
        forwardedBytes: 26_000_000,
      },
      socketOverflow: 7,
      outerFragmented: 3,
      icmpErrorsSuppressed: 1,
    },
  ],
  recorder: { sizeBytes: 16_777_984, packetsSince: '2026-01-03T04:05:02.500Z', dropsSince: '2026-01-01T00:00:00.000Z' },
  tunQueueOverflow: 9,
  kernel: {
    refused: {
      'not-from-a-node': 12,
      'masqueraded-vxlan': 0,
      'pod-to-loopback': 0,
      'pod-to-metrics': 0,
      'pod-as-router': 0,
      'names-from-outside': 0,
      'names-flood': 0,
      'pod-spoofed-source': 13,
      'policy-denied': 0,
    },
    intoOverlay: 4,
    policyLog: { denied: 5, wouldDeny: 6, lost: 7 },
  },
  residual: 0,
  notices: [
    {
      code: 'forward-policy-drop',
      message: 'the FORWARD chain of table ip filter drops by default: pods will not reach the outside',
    },
    { code: 'too-many-routes', message: '12 routes are not in use: the forwarding table holds 131072' },
  ],
};

export const fixedPeers: readonly Peer[] = [
  {
    name: 'n2',
    identity: '9d0c2a9be07d4d5fb1a0c3d2e4f50618',
    kind: 'gossip',
    state: 'alive',
    endpoint: '198.18.0.2:4789',
    mac: '02:9d:0c:2a:9b:e0',
    prefixes: ['10.244.2.0/24', 'fd00:10:244:2::/64'],
    mtuBytes: 1450,
    version: '0.1.0',
    capabilities: [],
    since: '2026-01-01T00:00:00.000Z',
    sentPackets: 1200,
    sentBytes: 1_680_000,
    path: {
      mtuBytes: 1350,
      roundTripMs: { smoothed: 0.214, min: 0.101 },
      lossRatio: 0.02,
      lossOutRatio: 0.01,
      lossInRatio: 0.0101,
      probing: 'confirmed',
    },
    relay: '',
    directPath: null,
    pathReports: [{ identity: '0b1c2a9be07d4d5fb1a0c3d2e4f50619', lossPermille: 1000, roundTripUs: 512 }],
    refusals: [],
  },
  {
    name: 'legacy-vtep-in-the-basement',
    identity: '',
    kind: 'static',
    state: 'static',
    endpoint: '[fd00:198:18::123:4567]:4789',
    mac: '02:00:00:00:00:09',
    prefixes: ['10.244.9.0/24'],
    mtuBytes: 1450,
    version: '',
    capabilities: [],
    since: '2026-01-01T00:00:00.000Z',
    sentPackets: 0,
    sentBytes: 0,
    path: {
      mtuBytes: 1450,
      roundTripMs: null,
      lossRatio: null,
      lossOutRatio: null,
      lossInRatio: null,
      probing: 'off',
    },
    relay: '',
    directPath: null,
    pathReports: [],
    refusals: ['prefix 10.244.2.128/25 is kept by n2, whose claim is of the lower identity and overlaps it'],
  },
];

export const fixedRoutes: readonly Route[] = [
  {
    network: 'default',
    prefix: '10.244.1.0/24',
    node: 'n1',
    kind: 'local',
    origin: fixedStatus.identity,
    version: 0,
    way: 'local',
    relay: '',
    via: '',
    since: '2026-01-01T00:00:00.000Z',
  },
  {
    network: 'default',
    prefix: 'fd00:10:244:2::/64',
    node: 'n2',
    kind: 'gossip',
    origin: '9d0c2a9be07d4d5fb1a0c3d2e4f50618',
    version: 3,
    way: 'direct',
    relay: '',
    via: '198.18.0.2:4789',
    since: '2026-01-01T00:00:00.000Z',
  },
];

export const fixedDigest: Digest = {
  routes: { count: 2, digest: '3d2e4f506174f1c2' },
  members: { count: 2, digest: 'a9be07d4d5fb1a0c' },
  nodes: [
    {
      name: 'n1',
      identity: '4f1c2a9be07d4d5fb1a0c3d2e4f50617',
      state: 'alive',
      version: 2,
      routes: 2,
      digest: '3d2e4f506174f1c2',
    },
    { name: 'n2', identity: '9d0c2a9be07d4d5fb1a0c3d2e4f50618', state: 'dead', version: 3, routes: 0, digest: '' },
  ],
};

export const fixedEvents: readonly HistoryEvent[] = [
  {
    number: 1,
    time: '2026-01-03T04:04:00.000Z',
    kind: 'member-joined',
    subject: 'n2',
    message: 'n2 joined, at 198.18.0.2:7948',
    details: {
      identity: '9d0c2a9be07d4d5fb1a0c3d2e4f50618',
      state: 'alive',
      before: null,
      version: 3,
      endpoint: '198.18.0.2:7948',
    },
  },
  {
    number: 2,
    time: '2026-01-03T04:04:00.001Z',
    kind: 'route-added',
    subject: 'fd00:10:244:2::/64',
    message: 'fd00:10:244:2::/64 is at n2, version 3',
    details: {
      network: 'default',
      node: 'n2',
      kind: 'gossip',
      origin: '9d0c2a9be07d4d5fb1a0c3d2e4f50618',
      version: 3,
    },
  },
];

export const fixedAudit: AuditReport = {
  time: '2026-01-03T04:05:00.000Z',
  durationMs: 41,
  trigger: 'periodic',
  compared: { routes: 5, workers: 7, kernel: 9, kubernetes: 0 },
  differences: [
    {
      table: 'kernel',
      problem: 'missing',
      subject: '10.244.0.0/16',
      message: 'the route unicast 10.244.0.0/16 metric 87 is gone',
      repaired: true,
    },
    {
      table: 'kernel',
      problem: 'foreign',
      subject: '10.244.3.0/24',
      message:
        'the cluster prefix 10.244.0.0/16 overlaps the route to 10.244.3.0/24 dev vpn0: pods in 10.244.3.0/24 cannot be reached from this node; choose other cluster prefixes',
      repaired: false,
    },
  ],
  remaining: 1,
};

export const fixedPod: Pod = {
  name: 'web',
  namespace: 'default',
  labels: { app: 'web' },
  network: 'default',
  netns: '/run/netns/web',
  addresses: ['10.244.1.2', 'fd00:10:244:1::2'],
  allowSources: [],
  attachment: null,
  device: 'eth0',
  mac: '02:11:22:33:44:55',
  hostDevice: 'wf01234567',
  mtuBytes: 1450,
  createdAt: '2026-01-01T00:00:00.000Z',
  state: 'running',
  faults: [],
  notices: [],
};

/** A pod of this node, one of another, which lost its name, and two nodes whose pods are not known. */
export const fixedPlace: PlaceReport = {
  kind: 'pod',
  label: 'n2/shop/web-5d9c7b6f8-abcde',
  node: 'n2',
  addresses: ['10.244.2.2', 'fd00:10:244:2::2'],
  remark: 'shop/deploy/web is taken as n2/shop/web-5d9c7b6f8-abcde, the first of its 3 pods',
};

export const fixedDirectory: DirectoryReport = {
  pods: [
    {
      node: 'n1',
      namespace: 'default',
      name: 'web',
      addresses: ['10.244.1.2', 'fd00:10:244:1::2'],
      labels: { app: 'web' },
      ports: [{ name: 'http', protocol: 'TCP', port: 8_080 }],
      superseded: false,
      state: 'running',
    },
    {
      node: 'n2',
      namespace: 'shop',
      name: 'db',
      addresses: ['10.244.2.2'],
      labels: {},
      ports: [],
      superseded: true,
      state: null,
    },
  ],
  missing: [
    { node: 'n3', sinceSeconds: 90, isEarlier: false },
    { node: 'n4', sinceSeconds: 7, isEarlier: true },
  ],
};

/** A pod of a runtime. */
export const fixedAttached: Attached = {
  pod: { ...fixedPod, attachment: { containerId: '9f86d081', cniNetwork: 'overlay' } },
  hostMac: '02:66:77:88:99:aa',
  gateways: ['169.254.1.1', 'fe80::1'],
  hasDefaultRoute: true,
  dns: { nameservers: ['169.254.1.1'], search: ['default.weft.internal'], options: ['timeout:1'] },
};

/** Metrics of this daemon, with one announcement that took 200 ms. */
export function fixedMetrics(status: Status = fixedStatus, peers: readonly Peer[] = fixedPeers): Metrics {
  const delays = new AnnouncementDelays(1_000);
  delays.used({ before: undefined, after: { ...memberOf(2), announcedMs: 1_100 } }, 1_300);
  return new Metrics(
    () => status,
    () => peers,
    { delays, lateness: new TimerLateness(systemClock) },
    () => ({ active: 1, answered: 40, streamed: 2, refused: new Map([['remote-busy', 3]]) }),
    {
      doors: new Map([['metrics', { connections: 2, counters: { refused: 1, displaced: 4, late: 5 } }]]),
      shortages: { counts: new Map([['descriptors', 2]]) },
      openDescriptors: () => 60,
      descriptorLimit: () => 1_024,
    },
    {
      statistics: () => ({
        nodes: 2,
        pods: 60,
        lengthBytes: 7_000,
        behind: 1,
        requestsSent: 5,
        requestsFailed: 2,
        requestsAnswered: 3,
        changesTaken: 40,
      }),
      refused: () => ({ ...new RefusedMessages().counts(), 'answer-wrong': 1 }),
    },
  );
}

/** A request that a handler got. */
export interface SeenRequest {
  readonly name: string;
  readonly request?: object;
  readonly clientPid?: number | undefined;
}

/** A primary key that two nodes hold, and one that is on its way. */
/** A node with two pools of IPv4, and a pod that is gone. */
export const fixedIpamStatus: IpamStatus = {
  pools: [
    { prefix: '10.244.1.0/24', family: 4, size: 253, used: 253, free: 0, cooling: 0, gone: 1 },
    { prefix: '10.244.9.0/24', family: 4, size: 253, used: 12, free: 239, cooling: 2, gone: 0 },
    {
      prefix: 'fd00:10:244:1::/64',
      family: 6,
      size: 4_294_967_294,
      used: 265,
      free: 4_294_967_027,
      cooling: 2,
      gone: 1,
    },
  ],
  families: [
    { family: 4, size: 506, used: 265, free: 239, cooling: 2, gone: 1 },
    { family: 6, size: 4_294_967_294, used: 265, free: 4_294_967_027, cooling: 2, gone: 1 },
  ],
  outside: ['10.99.1.2'],
  gone: ['web'],
  journal: {
    file: '/var/lib/weft/pods.journal',
    lengthBytes: 181_244,
    behind: '/var/lib/weft/pods.journal cannot be saved: ENOSPC: no space left on device, write',
  },
};

export function fixedLeaseCheck(repairs: boolean): LeaseCheck {
  return {
    compared: { leases: 2, devices: 5, routes: 8, namespaces: 1 },
    findings: [
      {
        problem: 'gone',
        subject: 'web',
        message:
          'pod web, which has 10.244.1.2, fd00:10:244:1::2, is gone: its network namespace /run/netns/web is not there any more',
        repaired: repairs,
      },
      {
        problem: 'double',
        subject: '10.244.1.3',
        message: 'the device eth1 of the node has 10.244.1.3, which is leased to pod db',
        repaired: false,
      },
    ],
    remaining: repairs ? 1 : 2,
  };
}

export const fixedKeys: readonly Key[] = [
  { id: '00112233445566ff', primary: true, held: true, holders: ['n1', 'n2'], users: ['n1', 'n2'], missing: [] },
  { id: 'ffeeddccbbaa9988', primary: false, held: true, holders: ['n1'], users: [], missing: ['n2'] },
];

/** One node with a finding, and one that does not answer. */
export const fixedDoctorReport: DoctorReport = {
  healthy: false,
  shared: [
    {
      id: 'path-cut',
      severity: 'error',
      title: 'nothing passes between two nodes that are alive: neither VXLAN nor gossip',
      evidence: ['n1: n2 (198.18.0.2:4789) answers neither probes on the VXLAN port nor over TCP'],
      cause: 'a broken link, a missing route, or a firewall between the two nodes',
      fix: { text: 'find out how far packets get', commands: ['ping -c 3 198.18.0.2 # on n1'], automatic: false },
      nodes: ['n1', 'n2'],
      seenBy: ['n1'],
    },
  ],
  nodes: [
    {
      node: 'n1',
      through: '',
      time: '2026-01-03T04:05:00.000Z',
      checks: [{ check: 'kernel-parameters', outcome: 'found', reason: '' }],
      findings: [
        {
          id: 'ip-forward-off',
          severity: 'error',
          title: 'this node forwards no IPv4: its pods reach nothing but the node itself, not even one another',
          evidence: ['net.ipv4.ip_forward is 0, and not 1'],
          cause: 'somebody changed it since weft set it',
          fix: { text: 'weft sets it again', commands: ['sysctl -w net.ipv4.ip_forward=1'], automatic: true },
          about: [],
        },
      ],
      fixed: ['kernel-state-stale'],
    },
  ],
  unexamined: [{ node: 'n3', code: 'remote-unreachable', message: 'node n3: nobody answers' }],
};

/** A fault of a test, some time after it was injected. */
export const fixedFault: Fault = {
  id: 3,
  direction: 'out',
  peer: 'n2',
  lossRatio: 0.05,
  duplicateRatio: 0,
  corruptRatio: 0,
  reorderRatio: 0,
  delayMs: 20,
  jitterMs: 5,
  clipBytes: 1_280,
  seed: 7,
  inUse: true,
  since: '2026-01-03T04:05:00.000Z',
  counted: {
    seen: 1_000,
    lost: 48,
    clipped: 2,
    queueFull: 0,
    delayed: 950,
    reordered: 0,
    duplicated: 0,
    corrupted: 0,
    probes: 30,
  },
};

/** Drops of a node whose traffic a fault befalls. */
export const fixedDrops: DropReport = {
  time: '2026-01-03T04:10:00.000Z',
  since: '2026-01-01T00:00:00.000Z',
  recordedSince: '2026-01-03T03:00:00.000Z',
  packets: 52,
  reasons: [
    {
      reason: 'fault-loss-out',
      direction: 'egress',
      packets: 48,
      last: '2026-01-03T04:09:59.900Z',
      meaning: 'a fault that somebody injected at this node lost the datagram on its way to the peer',
      cause: 'weft fault add --loss, for a test',
      remedy: 'look at: weft fault list; end it with: weft fault rm',
    },
    {
      reason: 'unknown-sender',
      direction: 'ingress',
      packets: 4,
      last: '',
      meaning: 'the underlay address that it came from belongs to no peer',
      cause: 'a node that has not joined yet or was declared dead, a NAT on the underlay, or a stranger',
      remedy: 'compare the endpoints in: weft peers with a capture on the underlay',
    },
  ],
  peers: [
    { peer: 'n2', egress: { packets: 1_000, dropped: 48 }, ingress: { packets: 900, dropped: 0 } },
    { peer: '', egress: { packets: 0, dropped: 0 }, ingress: { packets: 4, dropped: 4 } },
  ],
  pods: [{ pod: 'web', address: '10.244.1.2', egress: 2, ingress: 0, reasons: { 'fault-loss-out': 2 } }],
  kernel: [
    {
      reason: 'pod-spoofed-source',
      pod: 'web',
      packets: 13,
      sources: ['10.244.1.3 of pod db'],
      meaning: 'a pod sent under an address or a MAC address that is not its own, or passed itself off as a router',
      cause: 'a pod that forwards for others (containers in it, a VPN, a router), changed its address, or forges it',
      remedy:
        'see which pod, and what it sends from, in: weft drops --json; have what it forwards leave under its own address (masquerade in the pod), or add it as the router of a prefix: weft pod add --allow-source',
    },
  ],
  policies: [{ rule: 'isolated by shop/web, no rule matches', direction: 'ingress', packets: 7 }],
  recent: [
    {
      time: '2026-01-03T04:09:59.900Z',
      reason: 'fault-loss-out',
      direction: 'egress',
      peer: 'n2',
      pod: 'web',
      remotePod: 'n2/db',
      source: '10.244.1.2',
      destination: '10.244.2.2',
      protocol: 'tcp',
      sourcePort: 40_000,
      destinationPort: 80,
      lengthBytes: 1_450,
      packets: 1,
      policy: '',
      rule: '',
    },
  ],
  omitted: 1,
};

/** A policy that isolates a pod, which has no labels that are known. */
export const fixedPolicies: PolicyReport = {
  node: 'n1',
  policies: [
    {
      source: 'kubernetes',
      object: {
        apiVersion: 'networking.k8s.io/v1',
        kind: 'NetworkPolicy',
        metadata: { name: 'web', namespace: 'shop' },
        spec: { podSelector: {}, ingress: 'omitted' },
      } as never,
      state: 'closed',
      problems: ['the spec has 300000 characters, more than 262144'],
    },
  ],
  pods: [
    {
      node: 'n2',
      namespace: 'shop',
      name: 'web-0',
      labels: null,
      addresses: ['10.244.2.2'],
      ports: [{ name: 'http', protocol: 'TCP', port: 8080 }],
      hasMorePorts: true,
      hostNetwork: false,
    },
  ],
  namespaces: [{ name: 'shop', labels: { team: 'blue' } }],
  nodes: [{ name: 'n2', labels: {}, underlayAddresses: ['198.18.0.2'], overlayAddresses: ['10.244.2.1'] }],
  notices: [{ code: 'policy-not-enforced', message: 'network policies are enforced as they were, or not at all: no' }],
};

const silent = [{ node: 'n3', code: 'remote-unreachable', message: 'node n3: it does not answer' }];

/** How often it was used, as far as nodes say. */
export const fixedPolicyCounts: PolicyCounts = {
  policies: [{ policy: 'shop/web', allowed: 12, denied: 7, audited: 0, last: '2026-01-03T04:09:50.000Z' }],
  missing: silent,
};

export const fixedPolicyRules: PolicyRuleCounts = {
  rules: [
    {
      rule: 'shop/web ingress[0].from[0]',
      place: 'ingress[0].from[0]',
      direction: 'ingress',
      effect: 'allowed',
      count: 12,
      since: '2026-01-01T00:00:00.000Z',
      last: '2026-01-03T04:09:50.000Z',
      nodes: ['n1', 'n2'],
    },
  ],
  missing: silent,
};

export const fixedPolicyDenials: PolicyDenialsReport = {
  nodes: [
    {
      node: 'n1',
      since: '2026-01-01T00:00:00.000Z',
      policies: [{ rule: 'isolated by shop/web, no rule matches', direction: 'ingress', packets: 7 }],
    },
  ],
  missing: silent,
};

export const fixedServices: ServicesReport = {
  node: 'n1',
  services: [
    {
      namespace: 'shop',
      name: 'web',
      type: 'LoadBalancer',
      headless: false,
      clusterAddresses: ['10.96.0.7', 'fd00:10:96::7'],
      externalAddresses: ['198.18.0.1'],
      loadBalancerAddresses: [
        { address: '192.0.2.10', node: 'n2' },
        { address: '2001:db8::10', node: null },
      ],
      selector: { app: 'web' },
      internalTraffic: 'cluster',
      externalTraffic: 'local',
      affinitySeconds: 10_800,
      ports: [
        {
          name: 'http',
          protocol: 'TCP',
          port: 80,
          targetPort: 8080,
          nodePort: 30_080,
          backends: [
            { address: '10.244.1.2', port: 8080, pod: 'shop/web-1', node: 'n1', connections: 3 },
            { address: '10.244.2.2', port: 8080, pod: 'shop/web-2', node: 'n2', connections: 4 },
            { address: 'fd00:10:244:1::2', port: 8080, pod: 'shop/web-1', node: 'n1', connections: 0 },
          ],
          backendLimit: 2,
          taken: [{ place: '198.18.0.1 TCP 80', by: 'shop/old:http' }],
        },
        {
          name: 'dns',
          protocol: 'UDP',
          port: 53,
          targetPort: 'dns',
          nodePort: null,
          backends: [],
          backendLimit: 0,
          taken: [],
        },
      ],
      givenAt: { node: 'n2', time: '2026-01-03T04:05:06.000Z' },
    },
    {
      namespace: 'shop',
      name: 'db',
      type: 'ClusterIP',
      headless: true,
      clusterAddresses: [],
      externalAddresses: [],
      loadBalancerAddresses: [],
      selector: null,
      internalTraffic: 'cluster',
      externalTraffic: 'cluster',
      affinitySeconds: null,
      ports: [
        {
          name: '',
          protocol: 'TCP',
          port: 5432,
          targetPort: 5432,
          nodePort: null,
          backends: [{ address: '10.244.3.2', port: 5432, pod: '', node: '', connections: null }],
          backendLimit: null,
          taken: [],
        },
      ],
      givenAt: null,
    },
  ],
  refused: { withoutBackend: 2, withoutBackendHere: 1, fromOthers: 0 },
  notices: [],
};

/** A capture that somebody has begun. */
export const fixedCapture: RunningCapture = {
  capture: 3,
  since: '2026-01-03T04:05:06.000Z',
  client: 'root, pid 4711',
  what: 'tcp port 80, hooks drop',
};

/** The handlers, and what they were asked to change. Pods `taken`, `full` and `bug` cannot be added. */
export function fixedHandlers(): { handlers: ControlHandlers; seen: SeenRequest[] } {
  const seen: SeenRequest[] = [];
  const metrics = fixedMetrics();
  const handlers: ControlHandlers = {
    status: () => fixedStatus,
    peers: () => fixedPeers,
    forgetPeer: (node) => {
      if (node === 'n2') throw new ConflictError('peer-alive', 'n2 is alive');
      seen.push({ name: node });
      return [{ name: node, identity: fixedPeers[0]!.identity }];
    },
    routes: () => fixedRoutes,
    services: async () => Promise.resolve(fixedServices),
    digest: () => fixedDigest,
    events: ({ after = 0, sinceMs = 0, kinds }) =>
      fixedEvents.filter(
        ({ number, time, kind }) =>
          number > after && Date.parse(time) >= sinceMs && (kinds === undefined || kinds.includes(kind)),
      ),
    lastAudit: () => fixedAudit,
    audit: async () => await Promise.resolve({ ...fixedAudit, trigger: 'request' }),
    drops: async () => await Promise.resolve(fixedDrops),
    policies: () => fixedPolicies,
    policyCounts: async () => await Promise.resolve(fixedPolicyCounts),
    policyRules: async () => await Promise.resolve(fixedPolicyRules),
    policyDenials: async () => await Promise.resolve(fixedPolicyDenials),
    givePolicies: async (wishes) => ({
      results: wishes.map(({ kind, namespace, name, object }) => ({
        kind,
        namespace,
        name,
        outcome: object === undefined ? ('deleted' as const) : ('created' as const),
      })),
      notices: [],
    }),
    faults: () => [fixedFault],
    addAttachment: async (wanted, clientPid) => {
      seen.push({ name: wanted.attachment.containerId, request: wanted, clientPid });
      return await Promise.resolve(fixedAttached);
    },
    removeAttachment: async (key) => {
      seen.push({ name: key.containerId, request: key });
      return await Promise.resolve(key.containerId === fixedAttached.pod.attachment?.containerId);
    },
    attachments: () => [{ cniNetwork: 'overlay', containerId: '9f86d081', interface: 'eth0' }],
    checkAttachment: async (request, clientPid) => {
      seen.push({ name: request.containerId, request, clientPid });
      return await Promise.resolve({ differences: ['the MTU of eth0 is 1400, and not 1450'] });
    },
    attachmentStatus: () => ({ ready: true, problem: '', spool: '/var/lib/weft/cni-spool' }),
    addFault: async (request) => {
      if (request.peer === 'n9') throw new NotFoundError('peer-unknown', 'there is no peer n9', { peer: 'n9' });
      seen.push({ name: 'add', request });
      return await Promise.resolve(fixedFault);
    },
    removeFault: async (id) => {
      seen.push({ name: String(id) });
      return await Promise.resolve(fixedFault);
    },
    clearFaults: async () => {
      seen.push({ name: 'all' });
      return await Promise.resolve([fixedFault]);
    },
    pods: async () => await Promise.resolve([fixedPod]),
    directory: async () => await Promise.resolve(fixedDirectory),
    place: async () => await Promise.resolve(fixedPlace),
    addPod: async (name, request, clientPid) => {
      seen.push({ name, request, clientPid });
      if (name === 'taken') throw new ConflictError('address-taken', '10.244.1.2 is leased to web', { pod: 'web' });
      if (name === 'full') throw new ExhaustedError('pool-exhausted', '10.244.1.0/24 has no free address');
      if (name === 'bug') throw new TypeError('undefined is not a function');
      return await Promise.resolve({ ...fixedPod, name });
    },
    removePod: async (name, namespace) => {
      seen.push({ name, request: { namespace } });
      return await Promise.resolve(name === fixedPod.name && namespace === fixedPod.namespace);
    },
    ipamStatus: () => fixedIpamStatus,
    checkLeases: async (repairs) => Promise.resolve(fixedLeaseCheck(repairs)),
    keys: () => fixedKeys,
    addKey({ id }) {
      seen.push({ name: id });
      return fixedKeys[0]!;
    },
    useKey(id, force) {
      seen.push({ name: id, request: { force } });
      return fixedKeys[0]!;
    },
    removeKey(id, force) {
      seen.push({ name: id, request: { force } });
      return id === fixedKeys[0]!.id;
    },
    explain: async () => await Promise.resolve(fixedExplanation),
    flows: async () => await Promise.resolve(fixedFlows),
    captures: () => [fixedCapture],
    ping: async () => await Promise.resolve(fixedPing),
    matrix: async () => await Promise.resolve(fixedMatrix),
    trace: async () => await Promise.resolve(fixedTrace),
    doctor: async () => await Promise.resolve(fixedDoctorReport),
    treat: async () => await Promise.resolve({ ...fixedDoctorReport, healthy: true }),
    metrics: async () => await metrics.text(),
    version: () => ({ version: '0.1.0', node: '24.0.0' }),
  };
  return { handlers, seen };
}

function reasonsAtZero(direction: 'egress' | 'ingress'): Record<string, number> {
  return Object.fromEntries(dropReasons.filter((one) => one.direction === direction).map(({ name }) => [name, 0]));
}
