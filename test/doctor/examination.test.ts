/** Every finding, by facts that bring it about and nothing else. */
import test from 'ava';
import { catalogue } from '../../src/doctor/catalogue.ts';
import type {
  BalancerFacts,
  KernelWays,
  PeerFacts,
  PodInsideFacts,
  PolicyFacts,
  ServiceFacts,
} from '../../src/doctor/facts.ts';
import type { FactsOfDaemon } from '../../src/doctor/check.ts';
import { examine, reportOf } from '../../src/doctor/examination.ts';
import { factsWith, firewallOf, type FactChanges, healthyPod } from '../support/doctor-facts.ts';

const TIME = '2026-01-03T04:05:00.000Z';

function idsOf(changes: FactChanges): string[] {
  return examine(factsWith(changes), TIME).findings.map(({ id }) => id);
}

const recent = { seconds: 30, dropped: {}, examples: {}, udpChecksumErrors: 0, overflow: 0, roundaboutProbes: {} };
const store = {
  directory: '/var/lib/weft',
  damaged: [],
  failing: [],
  unwritable: undefined,
  freeBytes: 2 ** 33,
  freeFiles: Infinity,
};
const underlay = {
  device: 'eth0',
  address: '198.18.0.1',
  mtuBytes: 1_500,
  isMtuConfigured: false,
  deviceMtuBytes: 1_500,
  reason: 'underlay.interface names it',
};
const said = { vxlanPort: 4_789, vni: 42, clockOffsetMs: 0, clockUncertaintyMs: 0.2, seen: 0 };
const missing = (code: string): FactChanges => ({ host: { missing: [{ code, message: 'it is missing' }] } });
const notice = (code: string): FactChanges => ({ daemon: { notices: [{ code, message: 'so it is' }] } });
const dropped = (reason: string, packets: number): FactChanges => ({
  daemon: { recent: { ...recent, dropped: { [reason]: packets } } },
});
const differing = (
  table: string,
  problem: 'missing' | 'stale' | 'foreign' | 'wrong',
  subject: string,
): FactChanges => ({
  daemon: { differences: [{ table, problem, subject, message: `${subject} is 0, and not 1` }] },
});
const repairedAs = (isContested: boolean): FactChanges => ({
  daemon: { repairs: [{ message: 'the route is gone', times: 3, last: '2026-01-01T10:00:00.000Z', isContested }] },
});
const waysWith = (changes: Partial<KernelWays>): FactChanges => ({
  daemon: { ways: { diverted: [], rules: [], queuePackets: 500, tracked: undefined, ...changes } },
});
const podWith = (changes: Partial<PodInsideFacts>): FactChanges => ({
  daemon: { podsInside: [{ ...healthyPod, ...changes }] },
});
const translated = (from: string) => ({
  carrier: 'datagram' as const,
  from,
  announced: '198.18.0.2:7948',
  messages: 3,
  last: TIME,
});
const suspicious = {
  kind: 'selects-nothing',
  policy: 'shop/web',
  path: 'spec.podSelector',
  text: 'no pod is selected',
} as const;
const nameDenial = {
  pod: 'shop/web-1',
  policy: 'shop/deny',
  direction: 'egress',
  why: 'no rule for egress allows UDP port 53 of kube-system/dns',
  beginsOthers: true,
} as const;
const masqueradedDenial = {
  node: 'n2',
  source: '10.244.2.1',
  destination: '10.244.1.2',
  packets: 3,
  why: 'isolated by shop/web, no rule matches',
  blocks: ['shop/web ingress[0].from[0] (203.0.113.0/24)'],
};
const nothingSuspicious = { some: [], count: 0 };
const policiesWith = (changes: Partial<PolicyFacts>): FactChanges => ({
  daemon: {
    policies: {
      selectingNothing: nothingSuspicious,
      neverMatching: nothingSuspicious,
      unknownPorts: nothingSuspicious,
      nameDenials: [],
      masqueraded: [],
      ...changes,
    },
  },
});
const withoutBackend = {
  kind: 'no-backend',
  service: 'shop/web',
  place: '80/tcp',
  text: 'no pod of namespace shop has app=web: connections are refused',
} as const;
const taken = {
  kind: 'address-taken',
  service: 'shop/web',
  place: '10.96.0.7:80/tcp',
  text: 'shop/old has it',
} as const;
const balancerWith = (changes: Partial<BalancerFacts>): FactChanges => {
  const none = { some: [], count: 0 };
  return servicesWith({ balancer: { missing: none, unanswered: none, contested: none, cutOff: none, ...changes } });
};
const cut = {
  kind: 'cut',
  service: 'shop/web',
  place: '80/tcp',
  text: 'left out: nobody reaches it',
} as const;
const servicesWith = (changes: Partial<ServiceFacts>, host: FactChanges['host'] = {}): FactChanges => ({
  host,
  daemon: {
    services: {
      count: 1,
      withoutBackend: nothingSuspicious,
      taken: nothingSuspicious,
      cut: nothingSuspicious,
      ...changes,
    },
  },
});
/** Rules as kube-proxy makes them with iptables. */
const ofKubeProxy = firewallOf(
  'COMMIT',
  '*nat',
  ':PREROUTING ACCEPT [0:0]',
  ':KUBE-SERVICES - [0:0]',
  '-A PREROUTING -j KUBE-SERVICES',
);
const silent = { trial: { sent: 50, answered: 0 } };
const unreachable = { code: 'remote-unreachable', message: 'node n2: no answer within 5 s' };

const enough = { descriptors: { open: 60, limit: 1_024 }, tasks: [], files: { used: 500, limit: 100_000 } };
const tasks = { name: 'pids.max', of: 'the control group /weft', limit: 100, used: 90, remedy: 'raise TasksMax=' };

const findings: Readonly<Record<string, FactChanges>> = {
  'tun-missing': missing('tun-missing'),
  'privilege-missing': missing('privilege-missing'),
  'kernel-too-old': missing('kernel-too-old'),
  'program-missing': missing('program-missing'),
  'daemon-not-running': { daemon: { absence: 'nobody listens there' } },
  'daemon-silent': { daemon: { absence: 'the daemon is stopped', isSilent: true } },
  'resources-short': notice('resources-short'),
  'descriptors-nearly-exhausted': { host: { limits: { ...enough, descriptors: { open: 980, limit: 1_024 } } } },
  'processes-nearly-exhausted': { host: { limits: { ...enough, tasks: [tasks] } } },
  'files-nearly-exhausted': { host: { limits: { ...enough, files: { used: 95, limit: 100 } } } },
  'descriptors-few': notice('descriptors-few'),
  'not-looked-at': { host: { unseen: { firewall: 'no process can be started' } } },
  'forward-policy-drop': { host: { firewall: firewallOf(':FORWARD DROP') } },
  'firewall-drops': { host: { firewall: firewallOf('-A INPUT -p udp -m udp --dport 4789 -j DROP') } },
  'firewall-closed': { host: { firewall: firewallOf(':INPUT DROP', '-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT') } },
  'firewall-unclear': { host: { firewall: firewallOf('-A INPUT -p udp -m set --match-set bad src -j DROP') } },
  'kernel-feature-missing': { daemon: { features: { udpSegmentation: false } } },
  'kernel-without-ipv6': { host: { hasIpv6: false } },
  'ip-forward-off': differing('kernel', 'wrong', 'net.ipv4.ip_forward'),
  'ipv6-forwarding-off': differing('kernel', 'wrong', 'net.ipv6.conf.all.forwarding'),
  'device-forwarding-off': differing('kernel', 'wrong', 'net.ipv4.conf.wf0123abcd.forwarding'),
  'rp-filter-strict': differing('kernel', 'wrong', 'net.ipv4.conf.weft0.rp_filter'),
  'accept-local-off': notice('accept-local-off'),
  'node-ipv6-disabled': notice('node-ipv6-disabled'),
  'kernel-state-stale': differing('kernel', 'stale', '10.250.0.0/24'),
  'kernel-state-missing': differing('kernel', 'missing', '10.244.1.2'),
  'repairs-contested': repairedAs(true),
  'repaired-by-itself': repairedAs(false),
  'forwarding-differs': differing('workers', 'wrong', '10.244.2.0/24'),
  'pods-diverted': waysWith({
    diverted: [{ pod: 'web', node: 'n2', address: '10.244.2.1', device: 'tailscale0', table: '52' }],
  }),
  'conntrack-nearly-full': waysWith({ tracked: { used: 950, limit: 1_000 } }),
  'queue-short': waysWith({ queuePackets: 10 }),
  'pod-broken': podWith({ faults: [{ message: 'no default route', isRepairable: true }] }),
  'pod-firewall': podWith({ firewall: firewallOf(':INPUT DROP') }),
  'pod-ignores-pings': podWith({ ignoresPings: [4] }),
  'pod-port-closed': { ...podWith({}), question: { pod: 'web', protocol: 'tcp', port: 80 } },
  'pod-not-seen': podWith({ problem: 'its namespace cannot be entered' }),
  'prefix-overlaps-host-route': differing('kernel', 'foreign', '10.244.77.0/24'),
  'underlay-lost': notice('underlay-lost'),
  'underlay-wrong-interface': { peer: { routeDevice: 'eth1' } },
  'underlay-renamed': {
    daemon: { underlay: { ...underlay, device: 'uplink0', configuredDevice: 'eth0' } },
    peer: { routeDevice: 'uplink0' },
  },
  'underlay-mtu-too-large': { daemon: { underlay: { ...underlay, mtuBytes: 1_600, isMtuConfigured: true } } },
  'underlay-mtu-changed': { daemon: { underlay: { ...underlay, deviceMtuBytes: 1_400 } } },
  'path-mtu-small': { peer: { pathMtuBytes: 1_350 } },
  'send-refused': dropped('send-forbidden', 1),
  'vxlan-eaten': { peer: { ...silent, said } },
  'address-translated': { peer: { translations: [translated('10.9.9.9:7948')] } },
  'port-translated': { peer: { translations: [translated('198.18.0.2:40000')] } },
  'path-cut': { peer: { ...silent, said: unreachable } },
  'vni-mismatch': { peer: { ...silent, said: { ...said, vni: 43 } } },
  'path-lossy': { peer: { trial: { sent: 50, answered: 40 }, lossRatio: 0.2, lossOutRatio: 0.2, lossInRatio: 0 } },
  'gossip-one-way': { daemon: { recent: { ...recent, roundaboutProbes: { n2: 3 } } } },
  'gossip-alone': notice('gossip-alone'),
  'node-dead': { peer: { state: 'dead', trial: undefined, said: undefined } },
  'identity-contested': notice('identity-contested'),
  'name-taken': notice('name-taken'),
  'endpoint-taken': notice('endpoint-taken'),
  'mac-taken': notice('mac-taken'),
  'prefix-overlap': notice('prefix-overlap'),
  'outside-cluster': notice('outside-cluster'),
  'other-network': notice('other-network'),
  'no-data-endpoint': notice('no-data-endpoint'),
  'version-skew': { peer: { version: '0.2.0' } },
  'clock-skew': { peer: { said: { ...said, clockOffsetMs: -700 } } },
  'store-damaged': {
    daemon: { store: { ...store, damaged: [{ message: 'pods.journal is gone', isRewritable: true }] } },
  },
  'store-unwritable': { daemon: { store: { ...store, unwritable: '/var/lib/weft cannot be written: EROFS' } } },
  'store-nearly-full': { daemon: { store: { ...store, freeBytes: 1_000 } } },
  'offload-corrupts': dropped('inner-bad-checksum', 3),
  'wrong-vni-received': dropped('vxlan-wrong-vni', 5),
  'forged-source': dropped('forged-source', 5),
  'unknown-sender': dropped('unknown-sender', 5),
  'source-not-local': dropped('source-not-local', 5),
  'traffic-refused': dropped('not-from-a-node', 5),
  'remote-checksum-not-agreed': dropped('remote-checksum-not-agreed', 1),
  'peer-sends-no-ip': dropped('inner-ethertype', 5),
  'peer-sends-wrong-mac': dropped('inner-wrong-mac', 5),
  'broken-packets-received': dropped('inner-truncated', 5),
  'not-vxlan-received': dropped('vxlan-no-vni', 5),
  'broken-packets-sent': dropped('packet-bad-length', 5),
  'pod-spoofs-source': dropped('pod-spoofed-source', 5),
  'segments-tiny': dropped('too-many-segments', 5),
  'nobody-there': dropped('no-route', 5),
  'destination-elsewhere': dropped('destination-not-ours', 5),
  'underlay-unreachable': dropped('underlay-unreachable', 5),
  'send-overflow': dropped('send-buffer-full', 100),
  'datagrams-too-big': dropped('datagram-too-big', 5),
  'icmp-errors-ignored': dropped('packet-too-big', 100),
  'ipv6-too-big': dropped('overlay-below-ipv6-minimum', 1),
  'tun-refuses': dropped('tun-down', 5),
  'send-failed': dropped('send-failed', 1),
  'relay-refused': dropped('relay-off', 5),
  'underlay-congested': dropped('congestion-not-expected', 5),
  'receive-overflow': { daemon: { recent: { ...recent, overflow: 100 } } },
  'packets-unaccounted': { daemon: { residual: 1 } },
  'gossip-not-authenticated': notice('gossip-not-authenticated'),
  'faults-injected': notice('faults-injected'),
  'key-file-invalid': notice('key-file-invalid'),
  'keys-not-saved': notice('keys-not-saved'),
  'rulebook-full': notice('rulebook-full'),
  'rulebook-entry-invalid': notice('rulebook-entry-invalid'),
  'too-many-routes': notice('too-many-routes'),
  'names-port-taken': notice('names-port-taken'),
  'names-not-permitted': notice('names-not-permitted'),
  'names-not-listening': notice('names-not-listening'),
  'connections-kept': notice('connections-kept'),
  'names-thread-died': notice('names-thread-died'),
  'kubernetes-away': notice('kubernetes-away'),
  'kubernetes-policies-unwatched': notice('kubernetes-policies-unwatched'),
  'kubernetes-services-unwatched': notice('kubernetes-services-unwatched'),
  'policy-not-enforced': notice('policy-not-enforced'),
  'policies-unknown': notice('policies-unknown'),
  'policies-unasked': { daemon: { unaskedPods: ['shop/web'] } },
  'policy-too-many-rules': notice('policy-too-many-rules'),
  'policy-selects-nothing': policiesWith({ selectingNothing: { some: [suspicious], count: 1 } }),
  'policy-rule-never-matches': policiesWith({ neverMatching: { some: [suspicious], count: 1 } }),
  'policy-port-unknown': policiesWith({ unknownPorts: { some: [suspicious], count: 1 } }),
  'policy-denies-dns': policiesWith({ nameDenials: [nameDenial] }),
  'policy-denies-all-egress': policiesWith({ nameDenials: [{ ...nameDenial, beginsOthers: false }] }),
  'policy-denies-node': policiesWith({ masqueraded: [masqueradedDenial] }),
  'services-not-followed': notice('services-not-followed'),
  'services-unknown': notice('services-unknown'),
  'service-unreadable': notice('service-unreadable'),
  'service-flows-unavailable': notice('service-flows-unavailable'),
  'service-without-backend': servicesWith({ withoutBackend: { some: [withoutBackend], count: 1 } }),
  'service-address-taken': servicesWith({ taken: { some: [taken], count: 1 } }),
  'balancer-address-missing': balancerWith({
    missing: { some: [{ service: 'shop/web', why: 'all are taken' }], count: 1 },
  }),
  'balancer-unanswered': balancerWith({ unanswered: { some: ['192.0.2.10'], count: 1 } }),
  'balancer-contested': balancerWith({
    contested: { some: [{ address: '192.0.2.10', by: '02:00:00:00:00:01', device: 'eth0', node: 'n2' }], count: 1 },
  }),
  'balancer-partition': balancerWith({ cutOff: { some: ['n2'], count: 1 } }),
  'service-cut': servicesWith({ cut: { some: [cut], count: 1 } }),
  'services-and-kube-proxy': servicesWith({}, { firewall: ofKubeProxy }),
  'policy-unreadable': notice('policy-unreadable'),
  'policy-not-understood': notice('policy-not-understood'),
  'policy-log-unavailable': notice('policy-log-unavailable'),
  'policy-cuts-unavailable': notice('policy-cuts-unavailable'),
  'kubernetes-node-missing': notice('kubernetes-node-missing'),
  'kubernetes-prefixes-changed': notice('kubernetes-prefixes-changed'),
  'kubernetes-condition-unset': notice('kubernetes-condition-unset'),
  'kubernetes-unreadable': notice('kubernetes-unreadable'),
  'kubernetes-labels-cut': notice('kubernetes-labels-cut'),
  'kubernetes-ports-cut': notice('kubernetes-ports-cut'),
  'kubernetes-pods-differ': differing('kubernetes', 'stale', 'default/web u-1'),
  'captures-unavailable': notice('captures-unavailable'),
  'masquerade-unavailable': notice('masquerade-unavailable'),
  'node-rules-unavailable': notice('node-rules-unavailable'),
  'source-check-unavailable': notice('source-check-unavailable'),
  'source-check-without-arp': notice('source-check-without-arp'),
  'host-network-broken': notice('host-network-broken'),
  notice: notice('something-new'),
};

for (const [id, changes] of Object.entries(findings)) {
  test(`${id} is found, and nothing else`, (t) => {
    const { findings: all, checks } = examine(factsWith(changes), TIME);
    t.deepEqual(
      all.map((finding) => finding.id),
      [id],
    );
    t.true(all[0]!.evidence.length > 0 && all[0]!.cause !== '' && all[0]!.fix.text !== '');
    t.is(checks.filter(({ outcome }) => outcome === 'found').length, 1);
  });
}

test('of many policies of which the same is to be said, some are named', (t) => {
  const some = Array.from({ length: 8 }, (_, at) => ({ ...suspicious, policy: `shop/p${at}` }));
  const [finding] = examine(factsWith(policiesWith({ selectingNothing: { some, count: 500 } })), TIME).findings;
  t.deepEqual(finding!.evidence.slice(-2), ['shop/p7 spec.podSelector: no pod is selected', 'and 492 more']);
  const denials = Array.from({ length: 500 }, (_, at) => ({ ...nameDenial, policy: `shop/p${at}` }));
  const [denied] = examine(factsWith(policiesWith({ nameDenials: denials })), TIME).findings;
  t.deepEqual(denied!.evidence.slice(-1), ['and 492 more policies like these']);
});

test('packets that may be of clients behind a node are told with the block that may have meant them', (t) => {
  const many = Array.from({ length: 20 }, () => masqueradedDenial);
  const [finding] = examine(factsWith(policiesWith({ masqueraded: many })), TIME).findings;
  t.is(
    finding!.evidence[0],
    '3 packets from 10.244.2.1, which is node n2, to 10.244.1.2 within the last 10 minutes: isolated by shop/web, no rule matches; ' +
      'there is shop/web ingress[0].from[0] (203.0.113.0/24)',
  );
  t.deepEqual(finding!.evidence.slice(8), ['and 12 more like these']);
});

test('a table of policies that somebody changed is put right, and is told of once', (t) => {
  const [finding, ...others] = examine(factsWith(differing('kernel', 'missing', 'inet weft-policy')), TIME).findings;
  t.deepEqual([finding?.id, finding?.fix.automatic, others], ['policy-not-enforced', true, []]);
});

test('of many services of which the same is to be said, some are named', (t) => {
  const some = Array.from({ length: 8 }, (_, at) => ({ ...withoutBackend, service: `shop/s${at}` }));
  const [finding] = examine(factsWith(servicesWith({ withoutBackend: { some, count: 500 } })), TIME).findings;
  t.deepEqual(finding!.evidence.slice(-2), [
    'shop/s7 80/tcp: no pod of namespace shop has app=web: connections are refused',
    'and 492 more',
  ]);
});

test('a table of services that somebody changed is put right, and is told of once', (t) => {
  const [finding, ...others] = examine(factsWith(differing('kernel', 'missing', 'inet weft-services')), TIME).findings;
  t.deepEqual([finding?.id, finding?.fix.automatic, others], ['services-not-followed', true, []]);
});

test('where the kernel refused the table of services, a person is to look', (t) => {
  const [finding] = examine(factsWith(notice('services-not-followed')), TIME).findings;
  t.deepEqual([finding?.evidence, finding?.fix.automatic], [['so it is'], false]);
});

test('of many pods whose policies nobody asks for, some are named', (t) => {
  const unaskedPods = Array.from({ length: 200 }, (_, at) => `shop/web-${at}`);
  const [finding] = examine(factsWith({ daemon: { unaskedPods } }), TIME).findings;
  t.deepEqual(finding!.evidence, [
    'pods of Kubernetes on this node: shop/web-0, shop/web-1, shop/web-2, shop/web-3, shop/web-4 and 195 more',
  ]);
});

test('notes about policies leave a node healthy', (t) => {
  const { findings: all } = examine(
    factsWith(policiesWith({ selectingNothing: { some: [suspicious], count: 1 } })),
    TIME,
  );
  t.true(reportOf({ nodes: [{ node: 'n1', through: '', time: TIME, checks: [], findings: all, fixed: [] }] }).healthy);
});

test('every finding of the catalogue has a row above', (t) => {
  const ids = Object.values(catalogue).flatMap(({ finds }) => Object.keys(finds));
  t.deepEqual(ids.toSorted(), Object.keys(findings).toSorted());
});

test('a healthy node has no findings, and no check is skipped', (t) => {
  const { findings: all, checks } = examine(factsWith(), TIME);
  t.deepEqual(all, []);
  t.true(checks.every(({ outcome, reason }) => outcome === 'ok' && reason === ''));
});

const silences: Readonly<Record<string, FactChanges>> = {
  'a chain that accepts what comes from pods and goes to pods': {
    host: { firewall: firewallOf(':FORWARD DROP', '-A FORWARD -i wf+ -j ACCEPT', '-A FORWARD -o wf+ -j ACCEPT') },
  },
  'a chain that accepts what is of the overlay': {
    host: {
      firewall: firewallOf('-A FORWARD -s 10.244.0.0/16 -d 10.244.0.0/16 -j ACCEPT', '-A FORWARD -j REJECT'),
    },
  },
  'a chain that accepts everything in the end': {
    host: { firewall: firewallOf(':FORWARD DROP', '-A FORWARD -j ACCEPT') },
  },
  'a chain for forwarded packets that accepts by default': { host: { firewall: firewallOf(':FORWARD ACCEPT') } },
  'a rule against another port': {
    host: { firewall: firewallOf('-A INPUT -p udp -m multiport --dports 23,5000:6000 -j DROP') },
  },
  'a rule against other addresses': {
    host: { firewall: firewallOf('-A FORWARD -s 10.0.0.0/24 -j DROP', '-A FORWARD ! -s 0.0.0.0/0 -j DROP') },
  },
  'a rule against packets of pods in an odd state': {
    host: { firewall: firewallOf('-A FORWARD -i wf+ -m conntrack --ctstate INVALID -j DROP') },
  },
  'a firewall that lets in the underlay': {
    host: { firewall: firewallOf(':INPUT DROP', '-A INPUT -s 198.18.0.0/16 -j ACCEPT') },
  },
  'a limit on what is written to a log': {
    host: {
      firewall: firewallOf('-A FORWARD -m limit --limit 3/min -j LOG', '-A INPUT -m limit --limit 3/min -j LOG'),
    },
  },
  'a feature that was turned off': {
    daemon: { features: { tunChecksum: false, tunUdpSegmentation: false }, withoutFeatures: ['tunOffloads'] },
  },
  'a few packets of strangers': dropped('unknown-sender', 4),
  'a damaged packet or two': dropped('inner-bad-checksum', 2),
  'a probe that took a detour': { daemon: { recent: { ...recent, roundaboutProbes: { n2: 2 } } } },
  'clocks that differ by less than they can be measured': {
    peer: { said: { ...said, clockOffsetMs: 900, clockUncertaintyMs: 600 } },
  },
  'a path whose size is still searched for': { peer: { pathMtuBytes: 1_350, probing: 'searching' } },
  'a packet that was lost': { peer: { trial: { sent: 50, answered: 49 } } },
  'packets that were lost before': { peer: { trial: { sent: 50, answered: 50 }, lossRatio: 0.3 } },
  'a node that answers no probes': { peer: { trial: undefined } },
  'a node that left': { peer: { state: 'left', trial: undefined } },
  'policies about which nothing is suspicious': policiesWith({}),
  'services about which nothing is suspicious': servicesWith({}),
  'kube-proxy where weft has no services': servicesWith({ count: 0 }, { firewall: ofKubeProxy }),
  'kube-proxy where Kubernetes has the services': { host: { firewall: ofKubeProxy } },
  'a node of an older version that answers no questions': {
    peer: { said: { code: 'remote-unsupported', message: 'its weft is too old' } },
  },
};

for (const [what, changes] of Object.entries(silences)) {
  test(`${what} is no finding`, (t) => t.deepEqual(idsOf(changes), []));
}

test('what follows from another finding is mentioned there, and is none of its own', (t) => {
  const changes = {
    host: { firewall: firewallOf('-A INPUT -p udp -m udp --dport 4789 -j DROP') },
    peer: { ...silent, said },
  };
  const { findings: all } = examine(factsWith(changes), TIME);
  t.deepEqual(
    all.map(({ id }) => id),
    ['firewall-drops'],
  );
  t.regex(all[0]!.evidence.at(-1)!, /^with it: 50 datagrams were sent straight to n2 .* saw 0/);
});

const owners: Readonly<Record<string, readonly [PeerFacts['said'], RegExp]>> = {
  'a device on the way': [
    { ...said, addresses: ['198.18.0.2'] },
    /^no device of n2 that is up has 10\.9\.9\.9: it is that of a device on the way, or of somebody who repeats/,
  ],
  'nobody who is told': [said, /^whether 10\.9\.9\.9 .* is not known: n2 does not tell all of its addresses$/],
  'the node itself': [{ ...said, addresses: ['198.18.0.2', '10.9.9.9'] }, /^10\.9\.9\.9 is an address of n2, too/],
  'nobody who is known': [
    unreachable,
    /^whether 10\.9\.9\.9 is another address of n2 is not known: n2 could not be asked$/,
  ],
};

for (const [who, [answer, evidence]] of Object.entries(owners)) {
  test(`the address that a node is seen under is that of ${who}`, (t) => {
    const changes = { peer: { said: answer, translations: [translated('10.9.9.9:7948')] } };
    const { findings: all } = examine(factsWith(changes), TIME);
    t.is(
      all[0]!.evidence[0],
      `n2 announces 198.18.0.2, but its gossip over UDP comes from 10.9.9.9 (3 so far, the last at ${TIME})`,
    );
    t.regex(all[0]!.evidence[1]!, evidence);
  });
}

/** n2 is out of reach, and this one is seen under another address. */
function reachingWith(translatedPeer: 'n2' | 'n3'): FactChanges {
  const [peer] = (factsWith() as FactsOfDaemon).daemon.peers;
  const peers = [
    { ...peer!, ...silent, said: unreachable },
    { ...peer!, name: 'n3' },
  ];
  const translations = [translated('10.9.9.9:7948')];
  return { daemon: { peers: peers.map((one) => (one.name === translatedPeer ? { ...one, translations } : one)) } };
}

test('a translated address explains what is wrong with the way to that node, and with no other', (t) => {
  t.deepEqual(idsOf(reachingWith('n2')), ['address-translated']);
  t.deepEqual(idsOf(reachingWith('n3')), ['address-translated', 'path-cut']);
});

test('errors come before warnings', (t) => {
  const changes = { daemon: { residual: 1 }, peer: { version: '0.2.0' } };
  t.deepEqual(idsOf(changes), ['packets-unaccounted', 'version-skew']);
});

test('without a daemon only the machine is looked at', (t) => {
  const { checks } = examine(factsWith({ daemon: { absence: 'nobody listens there' } }), TIME);
  const skipped = checks.filter(({ outcome }) => outcome === 'skipped');
  t.true(skipped.length > 10 && skipped.every(({ reason }) => reason === 'no daemon answers'));
});

test('without authentication nobody can be asked for the time', (t) => {
  const { checks, findings: all } = examine(factsWith({ daemon: { canAsk: false }, peer: { said: undefined } }), TIME);
  t.deepEqual(all, []);
  t.deepEqual(
    checks.filter(({ outcome }) => outcome === 'skipped').map(({ check }) => check),
    ['peer-addresses', 'clocks'],
  );
});

const lossEvidence = (changes: Partial<PeerFacts>): string =>
  examine(factsWith({ peer: { trial: { sent: 50, answered: 40 }, ...changes } }), TIME).findings[0]!.evidence[0]!;

test('of a path that loses packets it is said what the last minutes were like, and in which direction', (t) => {
  t.regex(lossEvidence({}), /^10 of 50 .* were not answered; of the probes of the last minutes none was lost$/);
  t.regex(lossEvidence({ lossRatio: null }), /^10 of 50 .* were not answered$/);
  t.regex(lossEvidence({ lossRatio: 0.2, lossOutRatio: null, lossInRatio: null }), /20 % were lost, or their answers$/);
  t.regex(
    lossEvidence({ lossRatio: 0.2, lossOutRatio: 0.14, lossInRatio: 0.07, relay: 'n3' }),
    /14 % did not arrive there, and of the answers 7 % did not arrive here; packets go through n3 instead$/,
  );
});

test('a check whose facts could not be looked at says so, and all others are made', (t) => {
  const why = 'cannot look at the firewall: no process can be started';
  const report = examine(factsWith({ host: { unseen: { firewall: why } }, daemon: { unseen: { kernel: why } } }), TIME);
  const skipped = report.checks.filter(({ outcome }) => outcome === 'skipped');
  t.deepEqual(
    skipped.map(({ check }) => check),
    [
      'forward-policy',
      'foreign-rules',
      'kernel-parameters',
      'kernel-state',
      'prefix-overlap',
      'policy-enforcement',
      'service-enforcement',
      'service-proxies',
    ],
  );
  t.true(skipped.every(({ reason }) => reason === `could not be looked at: ${why}`));
  t.deepEqual(
    report.findings.map(({ id, evidence }) => [id, evidence]),
    [['not-looked-at', [why]]],
  );
});

test('what is left of descriptors is none of the business of a doctor without a daemon', (t) => {
  const limits = { ...enough, descriptors: { open: 1_024, limit: 1_024 } };
  t.deepEqual(idsOf({ host: { limits }, daemon: { absence: 'nobody listens there' } }), ['daemon-not-running']);
});
