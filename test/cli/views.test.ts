import test from 'ava';
import { formatAudit } from '../../src/cli/audit.ts';
import { formatDigest } from '../../src/cli/digest-view.ts';
import { formatRoundTrip, formatSince } from '../../src/cli/duration.ts';
import { formatDrops } from '../../src/cli/drops-view.ts';
import { formatEvents } from '../../src/cli/event-lines.ts';
import { formatExplanation } from '../../src/cli/explain-view.ts';
import { formatFaults } from '../../src/cli/fault.ts';
import { formatFlows } from '../../src/cli/flows.ts';
import { formatPeers } from '../../src/cli/peers.ts';
import { formatKeys } from '../../src/cli/key.ts';
import { formatLeaseCheck } from '../../src/cli/ipam-check.ts';
import { formatIpamStatus } from '../../src/cli/ipam-status.ts';
import { formatPods } from '../../src/cli/pod-list.ts';
import { formatRoutes } from '../../src/cli/routes.ts';
import { formatStatus } from '../../src/cli/status-view.ts';
import type { Terminal } from '../../src/terminal/terminal.ts';
import { fixedExplanation, fixedFlows } from '../support/fixed-explanation.ts';
import {
  fixedAudit,
  fixedDigest,
  fixedDrops,
  fixedEvents,
  fixedFault,
  fixedIpamStatus,
  fixedKeys,
  fixedLeaseCheck,
  fixedPeers,
  fixedPod,
  fixedRoutes,
  fixedStatus,
} from '../support/fixed-handlers.ts';

const terminal: Terminal = { widthColumns: 80, colour: false };
const pipe: Terminal = { widthColumns: undefined, colour: false };
const nowMs = Date.parse('2026-01-03T04:05:06.000Z');

const views: Readonly<Record<string, (to: Terminal) => string>> = {
  status: (to) => formatStatus(fixedStatus, nowMs, to),
  peers: (to) => formatPeers(fixedPeers, to),
  routes: (to) => formatRoutes(fixedRoutes, nowMs, to),
  digest: (to) => formatDigest(fixedDigest, to),
  // A pipe is given the day, too.
  events: (to) => formatEvents(fixedEvents, nowMs, to).replaceAll(/2026-01-03T(\S+)Z/g, '$1'),
  audit: (to) => formatAudit(fixedAudit, to),
  pods: (to) => formatPods([fixedPod], to),
  'pods with namespaces': (to) => formatPods([fixedPod, { ...fixedPod, namespace: 'shop' }], to),
  routers: (to) => formatPods([fixedPod, { ...fixedPod, allowSources: ['10.244.7.0/24', 'fd00:10:244:7::/64'] }], to),
  pools: (to) => formatIpamStatus(fixedIpamStatus, to),
  'leases that were checked': (to) => formatLeaseCheck(fixedLeaseCheck(true), to),
  keys: (to) => formatKeys(fixedKeys, to),
  explanations: (to) => formatExplanation(fixedExplanation, to),
  'drops by reason': (to) => formatDrops(fixedDrops, 'reason', to),
  'drops by peer': (to) => formatDrops(fixedDrops, 'peer', to),
  'drops by pod': (to) => formatDrops(fixedDrops, 'pod', to),
  faults: (to) => formatFaults([fixedFault], to),
  flows: (to) => formatFlows(fixedFlows, to),
};

for (const [name, view] of Object.entries(views)) {
  test(`${name} fits a terminal of 80 columns`, (t) => {
    t.deepEqual(
      view(terminal)
        .split('\n')
        .filter((line) => line.length > 80),
      [],
    );
  });

  test(`${name} has neither colours nor lines of box characters in a pipe`, (t) => {
    t.regex(view(pipe), /^[\n\u0020-\u007e]*$/);
  });

  test(`${name} shows in a terminal all that it shows in a pipe`, (t) => {
    const words = view(pipe).split(/[\s,]+/);
    const shown = view({ ...terminal, widthColumns: 120 }).replaceAll(/\s/g, '');
    t.deepEqual(
      words.filter((word) => !shown.includes(word)),
      [],
    );
  });
}

test('the status reads like this', (t) => {
  t.is(
    formatStatus(fixedStatus, nowMs, terminal),
    `node      n1 (4f1c2a9be07d4d5fb1a0c3d2e4f50617), network default
daemon    weft 0.1.0, pid 4711, up 2 d 4 h
config    /etc/weft/weft.yaml
underlay  198.18.0.1 on eth0, MTU 1500: its route leads to seed 198.18.0.2
vxlan     UDP port 4789, VNI 42
device    weft0, MTU 1450, MAC 02:4f:1c:2a:9b:e0
address   10.244.1.1, fd00:10:244:1::1
prefixes  10.244.1.0/24, fd00:10:244:1::/64 of 10.244.0.0/16, fd00:10:244::/48
gossip    198.18.0.1:7948, members: 2 alive, 1 dead
seeds     198.18.0.2:7948
overlay   2 peers, 5 routes, 1 pod
names     weft.internal, 5 names, answered at 10.244.1.1, fd00:10:244:1::1,
          169.254.1.1; others: 192.0.2.53; 139 questions; 1 name of pods at
          several nodes; 2 pods without a name
API       Kubernetes at 10.96.0.1:443, away for 5 m 6 s (nodes: connect
          ECONNREFUSED 10.96.0.1:443); Node n1; 3 nodes, 12 pods; as an earlier
          run stored it 15 m 6 s ago
features  tunChecksum, tunTcpSegmentation, tunUdpSegmentation, udpSegmentation,
          coalescing, remoteChecksum, ecn; not in use: udpCoalescing,
          outerFragmentation
audit     1 difference remaining, see weft audit, 6 s ago; 3 differences
          repaired since the start
recorder  16 MiB: packets of the last 4 s, drops of the last 2 d 4 h
security  gossip: not authenticated; data: not encrypted

packets      egress  ingress
received    1000000   500020
originated        2        0
sent         999990        0
delivered         2   500000
relayed           0       20
dropped          10        0
queued            0        0
residual          0        0
lost before weft: 9 TUN queue, 7 VXLAN socket, 5 gossip socket
outer packets fragmented: 3, ICMP errors suppressed: 1

dropped  reason              count
egress   no-route               10
kernel   not-from-a-node        12
kernel   pod-spoofed-source     13
gossip   too-long                3

notice forward-policy-drop: the FORWARD chain of table ip filter drops by
  default: pods will not reach the outside
notice too-many-routes: 12 routes are not in use: the forwarding table holds
  131072
what to do about it, and what else there is: weft doctor
`,
  );
});

test('what every healthy node drops is no drop to show, and the account still adds up', (t) => {
  const workers = fixedStatus.workers.map((worker) => ({
    ...worker,
    egress: { ...worker.egress, received: 1_000_002, dropped: { 'no-route': 10, 'node-link-control': 2 } },
  }));
  const text = formatStatus({ ...fixedStatus, workers }, nowMs, terminal);
  t.regex(text, /^dropped +10 +0\nignored +2 +0\nqueued +0 +0\nresidual +0 +0$/m);
  t.notRegex(text, /node-link-control/);
});

test('without a flight recorder, the status says so', (t) => {
  const recorder = { sizeBytes: 0, packetsSince: '', dropsSince: '' };
  t.regex(formatStatus({ ...fixedStatus, recorder }, nowMs, pipe), /^recorder {2}off$/m);
});

test('packets that no account knows are called a bug', (t) => {
  t.regex(
    formatStatus({ ...fixedStatus, residual: 3 }, nowMs, pipe),
    /^3 packets are in no account: this is a bug in weft$/m,
  );
});

test('a node that is protected says so', (t) => {
  const status = { ...fixedStatus, dataEncrypted: true, gossip: { ...fixedStatus.gossip, authenticated: true } };
  t.regex(formatStatus(status, nowMs, pipe), /^security {2}gossip: authenticated; data: encrypted$/m);
});

test('peers name what is refused, and why', (t) => {
  t.regex(
    formatPeers(fixedPeers, pipe),
    /^refused legacy-vtep-in-the-basement: prefix 10\.244\.2\.128\/25 is kept by n2/m,
  );
});

test('peers show what is known of the paths to them', (t) => {
  const [, first, second] = formatPeers(fixedPeers, pipe).split('\n');
  t.regex(first!, /1350 {2}0\.21 ms +1%\/1%$/);
  t.regex(second!, /1450 +- +-$/);
});

test('an audit that finds nothing says what it compared', (t) => {
  t.is(
    formatAudit({ ...fixedAudit, differences: [], remaining: 0 }, pipe),
    'nothing differs: 5 routes, 7 entries of the workers, 9 of the kernel\n',
  );
});

test('an audit says of each difference whether it is repaired', (t) => {
  const [, first, second, summary] = formatAudit(fixedAudit, pipe).split('\n');
  t.regex(first!, /^kernel {2}missing {2}the route unicast 10\.244\.0\.0\/16 metric 87 is gone +repaired$/);
  t.regex(second!, /^kernel {2}foreign .* remains$/);
  t.regex(summary!, /^1 repaired, 1 remaining; /);
});

test('a peer behind a relay is shown with the way, and with the direct path that fails', (t) => {
  const [peer] = fixedPeers;
  const directPath = { ...peer!.path, lossRatio: 1, lossOutRatio: 0, lossInRatio: 1 };
  const relayed = { ...peer!, relay: 'n3', path: { ...peer!.path, lossOutRatio: null, lossInRatio: null }, directPath };
  const view = formatPeers([relayed], pipe);
  t.regex(view, /0\.21 ms +2%\nn2 is reached through n3; the direct path: loss 0%\/100%\n$/);
  const never = { ...directPath, roundTripMs: null, lossRatio: null, lossOutRatio: null, lossInRatio: null };
  t.regex(formatPeers([{ ...relayed, directPath: never }], pipe), /the direct path: never answered\n$/);
  const forgotten = { ...never, roundTripMs: directPath.roundTripMs };
  t.regex(
    formatPeers([{ ...relayed, directPath: forgotten }], pipe),
    /the direct path: not probed within the last four minutes\n$/,
  );
  const lost = { ...directPath, lossOutRatio: 1, lossInRatio: null };
  t.regex(formatPeers([{ ...relayed, directPath: lost }], pipe), /the direct path: loss 100%\/\?\n$/);
});

test('a relayed route is shown as that', (t) => {
  const relayed = { ...fixedRoutes[1]!, way: 'relayed', relay: 'n3' } as const;
  t.regex(formatRoutes([relayed], nowMs, pipe), / relayed +n3,198\.18\.0\.2:4789 /);
});

test('empty lists are said in words', (t) => {
  t.is(formatPeers([], pipe), 'no peers\n');
  t.is(formatRoutes([], nowMs, pipe), 'no routes\n');
  t.is(formatPods([], pipe), 'no pods\n');
  t.notRegex(formatPods([{ ...fixedPod, labels: {} }], pipe), /NAMESPACE|LABELS/);
  t.regex(formatPods([{ ...fixedPod, namespace: 'shop' }], pipe), /^NAMESPACE +NAME .* LABELS/);
  t.is(formatKeys([], pipe), 'no keys: gossip is not authenticated\n');
});

const since = test.macro<[string, string]>({
  exec: (t, isoTime, expected) => t.is(formatSince(isoTime, nowMs), expected),
  title: (_name, isoTime, expected) => `since ${isoTime || 'never'} is ${expected}`,
});

test(since, '2026-01-03T04:05:06.000Z', '0 s');
test(since, '2026-01-03T04:04:07.000Z', '59 s');
test(since, '2026-01-03T04:03:05.000Z', '2 m 1 s');
test(since, '2026-01-03T03:05:06.000Z', '1 h 0 m');
test(since, '2025-12-31T03:05:06.000Z', '3 d 1 h');
test(since, '2027-01-01T00:00:00.000Z', '0 s');
test(since, '', '-');

const roundTrip = test.macro<[number, string]>({
  exec: (t, ms, expected) => t.is(formatRoundTrip(ms), expected),
  title: (_name, ms, expected) => `a round trip of ${ms} ms is shown as ${expected}`,
});

test(roundTrip, 0.0712, '0.07 ms');
test(roundTrip, 7.54, '7.5 ms');
test(roundTrip, 123.4, '123 ms');
