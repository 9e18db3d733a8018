import test from 'ava';
import { formatDoctorReport } from '../../src/cli/doctor-view.ts';
import { fixedDoctorReport } from '../support/fixed-handlers.ts';

const pipe = { widthColumns: undefined, colour: false };

test('a finding says what was seen, why, and what to do', (t) => {
  t.is(
    formatDoctorReport(fixedDoctorReport, pipe),
    `cluster: 1 error

error    path-cut (n1 and n2): nothing passes between two nodes that are alive: neither VXLAN nor gossip
  seen   n1: n2 (198.18.0.2:4789) answers neither probes on the VXLAN port nor over TCP
  cause  a broken link, a missing route, or a firewall between the two nodes
  do     find out how far packets get
           $ ping -c 3 198.18.0.2 # on n1

n1: put right: kernel-state-stale
n1: 1 error; 1 check made

error    ip-forward-off: this node forwards no IPv4: its pods reach nothing but the node itself, not even one another
  seen   net.ipv4.ip_forward is 0, and not 1
  cause  somebody changed it since weft set it
  do*    weft sets it again
           $ sysctl -w net.ipv4.ip_forward=1

n3 could not be asked: nobody answers

"weft doctor --fix", on the node itself, does what is marked with *
`,
  );
});

const [sick] = fixedDoctorReport.nodes;
const healthy = { ...sick!, findings: [], fixed: [] };

test('healthy nodes stand together, one in a line', (t) => {
  const nodes = [healthy, { ...healthy, node: 'n2' }];
  t.is(
    formatDoctorReport({ healthy: true, shared: [], nodes, unexamined: [] }, pipe),
    'n1 is healthy: 1 check made\nn2 is healthy: 1 check made\n',
  );
});

const [shared] = fixedDoctorReport.shared;

test('nodes that a finding of several is about are healthy otherwise, and the one that asked them is named', (t) => {
  const nodes = [healthy, { ...healthy, node: 'n2', through: 'n3' }, { ...healthy, node: 'n3' }];
  t.regex(
    formatDoctorReport({ ...fixedDoctorReport, nodes, unexamined: [] }, pipe),
    /\n\nn1 is healthy otherwise: 1 check made\nn2 \(asked by n3\) is healthy otherwise: 1 check made\nn3 is healthy: 1 check made\n$/,
  );
});

test('a node that a finding is about is not said a second time', (t) => {
  const about = { ...shared!, id: 'node-silent', title: 'n3 does not answer', nodes: ['n3'] };
  const text = formatDoctorReport({ ...fixedDoctorReport, shared: [about] }, pipe);
  t.regex(text, /^cluster: 1 error\n\nerror {4}node-silent: n3 does not answer\n/);
  t.notRegex(text, /could not be asked/);
});

test('a daemon of before is understood, too', (t) => {
  const { shared: _, ...before } = { ...fixedDoctorReport, nodes: [{ ...healthy, through: undefined }] };
  t.regex(formatDoctorReport(before as never, pipe), /^n1 is healthy: 1 check made\n/);
});

test('checks that were skipped are counted, with the reason', (t) => {
  const checks = [...sick!.checks, { check: 'clocks', outcome: 'skipped' as const, reason: 'nobody can be asked' }];
  t.regex(
    formatDoctorReport({ healthy: true, shared: [], nodes: [{ ...healthy, checks }], unexamined: [] }, pipe),
    /^n1 is healthy: 1 check made, 1 skipped: nobody can be asked\n$/,
  );
});

test('in a terminal nothing but commands is wider than it', (t) => {
  const lines = formatDoctorReport(fixedDoctorReport, { widthColumns: 50, colour: false }).split('\n');
  t.deepEqual(
    lines.filter((line) => line.length > 50 && !line.includes('$ ')),
    [],
  );
});
