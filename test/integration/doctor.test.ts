/** The doctor of one node: what a machine lacks before a daemon runs, and what somebody changed in its kernel and its files. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import type { DoctorReport } from '../../src/doctor/finding.ts';
import { DEADLINE_MS, DoctorLab, findingsOf, testFaults } from '../support/doctor-lab.ts';
import { runProgram } from '../support/program.ts';
import { weft } from '../support/test-lab.ts';
import { until } from '../support/until.ts';

const place = new DoctorLab();

test.before(async () => place.up());
test.after.always(async () => place.down());

const ip =
  (...args: readonly string[]) =>
  async () =>
    place.inNode('n1', 'ip', ...args);
const rules = (text: string) => async () => place.rules('n1', text);
const sysctl = (name: string, value: string) => async () => place.inNode('n1', 'sysctl', '-qw', `${name}=${value}`);
const fix = async () => place.doctor('n1', '--fix');

test.serial('a healthy lab has no findings, on no node', async (t) => {
  await place.untilHealthy();
  await until(
    'a person is told the same',
    async () =>
      /^n1 is healthy: \d+ checks made\nn2 is healthy: .*\nn3 is healthy: .*\n$/.test(
        (await place.lab.tryAsk('n1', 'doctor', '--all')).stdout,
      ),
    DEADLINE_MS,
  );
  t.pass();
});

/** The machine alone, as a person sees it before the first start. */
const machines: Readonly<Record<string, { readonly id: string; readonly argv: readonly string[] }>> = {
  'where no daemon runs': { id: 'daemon-not-running', argv: [] },
  'without a TUN device': {
    id: 'tun-missing',
    argv: ['unshare', '--mount', 'sh', '-c', 'mount -t tmpfs none /dev/net && exec "$@"', 'sh'],
  },
  'on a kernel of another age': {
    id: 'kernel-too-old',
    argv: ['setarch', '--uname-2.6'],
  },
  'without nftables': {
    id: 'program-missing',
    argv: ['unshare', '--mount', 'sh', '-c', 'mount --bind /dev/null "$(command -v nft)" && exec "$@"', 'sh'],
  },
  'without the privilege to open raw sockets': {
    id: 'privilege-missing',
    argv: ['setpriv', '--bounding-set', '-net_raw', '--inh-caps', '-net_raw'],
  },
};

for (const [what, { id, argv }] of Object.entries(machines)) {
  test.serial(`${what}: ${id}, and nothing else`, async (t) => {
    const doctorAlone = [...argv, ...weft, '--socket', '/nowhere/weft.sock', 'doctor', '--json'];
    const { stdout, exitCode } = await place.inNode('world', ...doctorAlone);
    const findings = findingsOf(JSON.parse(stdout) as DoctorReport);
    t.deepEqual([findings.map((finding) => finding.id), exitCode], [[id], 1]);
  });
}

testFaults(place, {
  'a FORWARD policy of drop, as Docker sets it': {
    id: 'forward-policy-drop',
    seed: rules('table ip filter { chain FORWARD { type filter hook forward priority 0; policy drop; }; }'),
    heal: rules('delete table ip filter'),
    evidence: /chain ip filter FORWARD/,
  },
  'a firewall rule of somebody else against VXLAN': {
    id: 'firewall-drops',
    seed: rules(
      'table inet guard { chain in { type filter hook input priority 0; }; }; flush chain inet guard in; add rule inet guard in udp dport 4789 drop',
    ),
    heal: rules('delete table inet guard'),
    evidence: /udp dport 4789 drop/,
  },
  'a firewall that lets nothing in': {
    id: 'firewall-closed',
    seed: rules('table inet guard { chain in { type filter hook input priority 0; policy drop; }; }'),
    heal: rules('delete table inet guard'),
    evidence: /no rule accepts VXLAN/,
  },
  'a last rule that rejects, reached by jumps, as firewalld has it': {
    id: 'forward-policy-drop',
    seed: rules(
      `table inet guard {
         chain last { counter reject with icmpx admin-prohibited; }
         chain zones { iifname "eth0" goto last; goto last; }
         chain through { type filter hook forward priority 10; ct state vmap { established : accept, related : accept }; jump zones; }
       }`,
    ),
    heal: rules('delete table inet guard'),
    evidence:
      /chain inet guard last has "counter reject.*" \(reached by "jump zones" in through, then "goto last" in zones\)/,
  },
  'strict reverse path filtering': {
    id: 'rp-filter-strict',
    seed: sysctl('net.ipv4.conf.weft0.rp_filter', '1'),
    heal: sysctl('net.ipv4.conf.weft0.rp_filter', '2'),
  },
  'errors about packets that are too big refused by the kernel': {
    id: 'accept-local-off',
    seed: sysctl('net.ipv4.conf.weft0.accept_local', '0'),
    heal: fix,
  },
  'IPv4 forwarding turned off': {
    id: 'ip-forward-off',
    seed: sysctl('net.ipv4.ip_forward', '0'),
    heal: fix,
  },
  'IPv6 forwarding turned off': {
    id: 'ipv6-forwarding-off',
    seed: sysctl('net.ipv6.conf.all.forwarding', '0'),
    heal: fix,
  },
  'a route of an earlier configuration': {
    id: 'kernel-state-stale',
    seed: ip('route', 'replace', '10.250.0.0/24', 'dev', 'eth0', 'proto', '87'),
    heal: fix,
    evidence: /10\.250\.0\.0\/24/,
  },
  'a device without the route to its pod': {
    id: 'kernel-state-missing',
    seed: ip('route', 'delete', '10.244.1.2'),
    heal: fix,
    evidence: /10\.244\.1\.2/,
  },
  'a route of the host into the overlay': {
    id: 'prefix-overlaps-host-route',
    seed: ip('route', 'replace', '10.244.77.0/24', 'dev', 'eth0'),
    heal: ip('route', 'delete', '10.244.77.0/24'),
    evidence: /10\.244\.77\.0\/24/,
  },
  'a file of leases that somebody damaged': {
    id: 'store-damaged',
    seed: async () => Promise.resolve(writeFileSync(join(place.lab.files('n1').stateDir, 'pods.journal'), '{')),
    heal: fix,
    evidence: /pods\.journal/,
  },
  'a state directory that is read-only': {
    id: 'store-unwritable',
    prepare: async () => {
      const { stateDir } = place.lab.files('n1');
      (await runProgram(['mount', '--bind', stateDir, stateDir])).succeeded();
      (await runProgram(['mount', '-o', 'remount,bind,ro', stateDir])).succeeded();
    },
    heal: async () => runProgram(['umount', place.lab.files('n1').stateDir]),
    evidence: /EROFS/,
  },
});
