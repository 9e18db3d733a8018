import test from 'ava';
import { formatDoctorReport } from '../../src/cli/doctor-view.ts';
import { fixedDoctorReport } from '../support/fixed-handlers.ts';

const pipe = { widthColumns: undefined, colour: false };

test('a finding says what was seen, why, and what to do', (t) => {
  t.is(
    formatDoctorReport(fixedDoctorReport, pipe),
    `n1: put right: kernel-state-stale
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
    formatDoctorReport({ healthy: true, nodes, unexamined: [] }, pipe),
    'n1 is healthy: 1 check made\nn2 is healthy: 1 check made\n',
  );
});

test('checks that were skipped are counted, with the reason', (t) => {
  const checks = [...sick!.checks, { check: 'clocks', outcome: 'skipped' as const, reason: 'nobody can be asked' }];
  t.regex(
    formatDoctorReport({ healthy: true, nodes: [{ ...healthy, checks }], unexamined: [] }, pipe),
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
