/**
 * The doctor on a lab of three nodes: each fault is seeded, one at a time, and the doctor names exactly that one. Between them
 * the lab is healthy, and it says so.
 */
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { parse, stringify } from 'yaml';
import type { DoctorReport, Finding } from '../../src/doctor/finding.ts';
import { runProgram } from '../support/program.ts';
import { TestLab, weft } from '../support/test-lab.ts';
import { until } from '../support/until.ts';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const flood = fileURLToPath(new URL('../support/udp-flood.ts', import.meta.url));
const sender = fileURLToPath(new URL('../support/forged-sender.ts', import.meta.url));

/** Counts of the last half minute have to be forgotten, dead nodes to be found: on a machine that is busy. */
const DEADLINE_MS = 120_000;

/** A fault of which the doctor of `at` speaks as `id`. */
interface Fault {
  readonly id: string;
  readonly at?: string;
  /** Carried out again until the doctor has seen it: an audit may put it right before. */
  readonly seed: () => Promise<unknown>;
  readonly heal: () => Promise<unknown>;
  /** What is carried out once, before. */
  readonly prepare?: () => Promise<unknown>;
  /** What the finding has to say. */
  readonly evidence?: RegExp;
}

let lab: TestLab;
let copies: string;

test.before(async () => {
  copies = mkdtempSync(join(tmpdir(), 'weft-doctor-'));
  lab = await TestLab.up('--pods', '1', '--set', 'audit.watch=off');
});

test.after.always(async () => {
  await lab?.down();
  if (copies !== undefined) rmSync(copies, { recursive: true });
});

async function doctor(node: string, ...args: readonly string[]): Promise<DoctorReport> {
  const { stdout, exitCode } = await lab.tryAsk(node, 'doctor', '--json', ...args);
  const report = JSON.parse(stdout) as DoctorReport;
  if (report.healthy !== (exitCode === 0)) throw new Error(`healthy is ${report.healthy}, the exit code ${exitCode}`);
  return report;
}

async function answers(node: string): Promise<void> {
  await until(`${node} answers`, async () => lab.control(node).isAnswering(), DEADLINE_MS);
}

function findingsOf({ nodes }: DoctorReport): readonly Finding[] {
  // What an audit of before has put right is said for ten minutes.
  return nodes.flatMap(({ findings }) => findings).filter(({ id }) => id !== 'repaired-by-itself');
}

/** Until it names this alone, with evidence that matches: what counts probes and packets may know of the fault before it knows how far it goes. */
async function untilFound(node: string, id: string, seed: () => Promise<unknown>, evidence: RegExp): Promise<Finding> {
  let findings: readonly Finding[] = [];
  try {
    await until(
      `the doctor of ${node} names ${id} alone, with ${String(evidence)}`,
      async () => {
        await seed();
        findings = findingsOf(await doctor(node));
        return findings.length === 1 && findings[0]!.id === id && evidence.test(findings[0]!.evidence.join('\n'));
      },
      DEADLINE_MS,
    );
  } catch (error) {
    throw new Error(`${String(error)}; it named ${JSON.stringify(findings)}`, { cause: error });
  }
  return findings[0]!;
}

async function untilHealthy(): Promise<void> {
  let report: DoctorReport | undefined;
  try {
    await until(
      'all nodes are healthy',
      async () => {
        report = await doctor('n1', '--all');
        return report.healthy && report.nodes.length === 3;
      },
      DEADLINE_MS,
    );
  } catch (error) {
    throw new Error(`${String(error)}; the doctor said ${JSON.stringify(report)}`, { cause: error });
  }
}

const inNode = async (node: string, ...argv: readonly string[]) => lab.tryExec(node, ...argv);
const sysctl = async (name: string, value: string) => inNode('n1', 'sysctl', '-qw', `${name}=${value}`);
const rules = async (place: string, text: string) => inNode(place, 'nft', text);
const nothing = async (): Promise<void> => Promise.resolve();

/** Drops in the switch what a match selects. */
const drop = (match: string) => async () =>
  rules(
    'switch',
    `table bridge eaten { chain forward { type filter hook forward priority 1; }; }
     flush chain bridge eaten forward; add rule bridge eaten forward ${match} drop`,
  );
const dropNothing = async () => rules('switch', 'delete table bridge eaten');

/** Has n3 run otherwise until {@link asBefore}. */
const n3With =
  (...flags: readonly string[]) =>
  async () => {
    await lab.lab('stop', 'n3');
    const daemon = lab.daemon('n3', ...flags);
    endOf.set('n3', async () => daemon.end());
    await answers('n3');
  };
const asBefore = async (node = 'n3') => {
  await endOf.get(node)?.();
  endOf.delete(node);
  await lab.lab('start', node);
};
const endOf = new Map<string, () => Promise<unknown>>();

/** Has n1 run with another configuration file until {@link asBefore}. */
const n1Configured = (change: (config: Record<string, unknown>) => Promise<object> | object) => async () => {
  const { config } = lab.files('n1');
  const before = readFileSync(config, 'utf8');
  await lab.lab('stop', 'n1');
  const parsed = parse(before) as Record<string, unknown>;
  writeFileSync(config, stringify({ ...parsed, ...(await change(parsed)) }));
  await lab.lab('start', 'n1');
  endOf.set('n1', async () => {
    await lab.lab('stop', 'n1');
    writeFileSync(config, before);
  });
};

const faults: Readonly<Record<string, Fault>> = {
  // The first one: nothing was lost before, in either direction.
  'a way on which every fourth packet is lost': {
    id: 'path-lossy',
    prepare: drop('iifname "n1" oifname "n3" udp dport 4789 numgen inc mod 4 == 0'),
    seed: nothing,
    heal: dropNothing,
    evidence:
      /\d+ of 50 datagrams that were sent straight to n3 .* not answered; of the probes .* (none was lost|of the answers 0 % did not arrive here)$/,
  },
  'a FORWARD policy of drop, as Docker sets it': {
    id: 'forward-policy-drop',
    seed: async () =>
      rules('n1', 'table ip filter { chain FORWARD { type filter hook forward priority 0; policy drop; }; }'),
    heal: async () => rules('n1', 'delete table ip filter'),
    evidence: /chain ip filter FORWARD/,
  },
  'a firewall rule of somebody else against VXLAN': {
    id: 'firewall-drops',
    seed: async () =>
      rules(
        'n1',
        'table inet guard { chain in { type filter hook input priority 0; }; }; flush chain inet guard in; add rule inet guard in udp dport 4789 drop',
      ),
    heal: async () => rules('n1', 'delete table inet guard'),
    evidence: /udp dport 4789 drop/,
  },
  'a firewall that lets nothing in': {
    id: 'firewall-closed',
    seed: async () => rules('n1', 'table inet guard { chain in { type filter hook input priority 0; policy drop; }; }'),
    heal: async () => rules('n1', 'delete table inet guard'),
    evidence: /no rule accepts VXLAN/,
  },
  'a last rule that rejects, reached by jumps, as firewalld has it': {
    id: 'forward-policy-drop',
    seed: async () =>
      rules(
        'n1',
        `table inet guard {
           chain last { counter reject with icmpx admin-prohibited; }
           chain zones { iifname "eth0" goto last; goto last; }
           chain through { type filter hook forward priority 10; ct state vmap { established : accept, related : accept }; jump zones; }
         }`,
      ),
    heal: async () => rules('n1', 'delete table inet guard'),
    evidence:
      /chain inet guard last has "counter reject.*" \(reached by "jump zones" in through, then "goto last" in zones\)/,
  },
  'strict reverse path filtering': {
    id: 'rp-filter-strict',
    seed: async () => sysctl('net.ipv4.conf.weft0.rp_filter', '1'),
    heal: async () => sysctl('net.ipv4.conf.weft0.rp_filter', '2'),
  },
  'errors about packets that are too big refused by the kernel': {
    id: 'accept-local-off',
    seed: async () => sysctl('net.ipv4.conf.weft0.accept_local', '0'),
    heal: async () => doctor('n1', '--fix'),
  },
  'IPv4 forwarding turned off': {
    id: 'ip-forward-off',
    seed: async () => sysctl('net.ipv4.ip_forward', '0'),
    heal: async () => doctor('n1', '--fix'),
  },
  'IPv6 forwarding turned off': {
    id: 'ipv6-forwarding-off',
    seed: async () => sysctl('net.ipv6.conf.all.forwarding', '0'),
    heal: async () => doctor('n1', '--fix'),
  },
  'a route of an earlier configuration': {
    id: 'kernel-state-stale',
    seed: async () => inNode('n1', 'ip', 'route', 'replace', '10.250.0.0/24', 'dev', 'eth0', 'proto', '87'),
    heal: async () => doctor('n1', '--fix'),
    evidence: /10\.250\.0\.0\/24/,
  },
  'a device without the route to its pod': {
    id: 'kernel-state-missing',
    seed: async () => inNode('n1', 'ip', 'route', 'delete', '10.244.1.2'),
    heal: async () => doctor('n1', '--fix'),
    evidence: /10\.244\.1\.2/,
  },
  'a route of the host into the overlay': {
    id: 'prefix-overlaps-host-route',
    seed: async () => inNode('n1', 'ip', 'route', 'replace', '10.244.77.0/24', 'dev', 'eth0'),
    heal: async () => inNode('n1', 'ip', 'route', 'delete', '10.244.77.0/24'),
    evidence: /10\.244\.77\.0\/24/,
  },
  'a file of leases that somebody damaged': {
    id: 'store-damaged',
    seed: async () => Promise.resolve(writeFileSync(join(lab.files('n1').stateDir, 'pods.journal'), '{')),
    heal: async () => doctor('n1', '--fix'),
    evidence: /pods\.journal/,
  },
  'a state directory that is read-only': {
    id: 'store-unwritable',
    prepare: async () => {
      const { stateDir } = lab.files('n1');
      (await runProgram(['mount', '--bind', stateDir, stateDir])).succeeded();
      (await runProgram(['mount', '-o', 'remount,bind,ro', stateDir])).succeeded();
    },
    seed: nothing,
    heal: async () => runProgram(['umount', lab.files('n1').stateDir]),
    evidence: /EROFS/,
  },
  'VXLAN that is eaten on the way': {
    id: 'vxlan-eaten',
    seed: drop('iifname "n1" oifname "n3" udp dport 4789'),
    heal: dropNothing,
    evidence: /50 datagrams were sent straight to n3 .* and it saw 0/,
  },
  'VXLAN that is eaten on the way back': {
    id: 'vxlan-eaten',
    seed: drop('iifname "n3" oifname "n1" udp dport 4789'),
    heal: dropNothing,
    evidence: /50 datagrams were sent straight to n3 .* received [1-9]\d* .* no answer came back/,
  },
  'gossip that passes in one direction only': {
    id: 'gossip-one-way',
    seed: drop('iifname "n3" oifname "n1" udp dport 7948'),
    heal: dropNothing,
    evidence: /probes of n3/,
  },
  'a link that is cut': {
    id: 'path-cut',
    seed: async () => lab.lab('cut', 'n1', 'n3'),
    heal: async () => lab.lab('heal', 'n1', 'n3'),
    evidence: /n3/,
  },
  'a route that leads to another node through the wrong device': {
    id: 'underlay-wrong-interface',
    seed: async () => {
      await inNode('n1', 'ip', 'link', 'add', 'eth9', 'type', 'veth', 'peer', 'eth9-end');
      await inNode('n1', 'ip', 'link', 'set', 'eth9-end', 'up');
      await inNode('n1', 'ip', 'link', 'set', 'eth9', 'up');
      await inNode('n1', 'ip', 'route', 'replace', '198.18.0.3', 'dev', 'eth9');
    },
    heal: async () => inNode('n1', 'ip', 'link', 'delete', 'eth9'),
    evidence: /weft uses 198\.18\.0\.1 of eth0[^]*n3 .* leads through eth9/,
  },
  'an underlay address that is gone': {
    id: 'underlay-lost',
    seed: async () => lab.lab('address', 'n1', 'none'),
    heal: async () => lab.lab('address', 'n1', '198.18.0.1'),
  },
  'an underlay device of another MTU': {
    id: 'underlay-mtu-changed',
    seed: async () => inNode('n1', 'ip', 'link', 'set', 'eth0', 'mtu', '1400'),
    heal: async () => {
      await inNode('n1', 'ip', 'link', 'set', 'eth0', 'mtu', '1500');
      await lab.lab('stop', 'n1');
      await lab.lab('start', 'n1');
    },
    evidence: /1400.*1500/,
  },
  'an underlay MTU that the device does not have': {
    id: 'underlay-mtu-too-large',
    prepare: n1Configured(({ underlay }) => ({ underlay: { ...(underlay as object), mtu: 1600 } })),
    seed: nothing,
    heal: async () => asBefore('n1'),
    evidence: /1600.*1500/,
  },
  'a path that carries less than its ends': {
    id: 'path-mtu-small',
    prepare: async () => {
      await inNode('switch', 'ip', 'link', 'set', 'n3', 'mtu', '1400');
      await n3With()();
    },
    seed: nothing,
    heal: async () => {
      await inNode('switch', 'ip', 'link', 'set', 'n3', 'mtu', '1500');
      await lab.lab('stop', 'n1');
      await lab.lab('start', 'n1');
      await asBefore();
    },
    evidence: /to n3 .* inner packets of \d+ bytes pass/,
  },
  'another VNI on one node': {
    id: 'vni-mismatch',
    prepare: n3With('--vxlan-vni', '43'),
    seed: nothing,
    heal: async () => asBefore(),
    evidence: /42 here, and 43 on n3/,
  },
  'a node of the name of another': {
    id: 'name-taken',
    prepare: n3With('--node-name', 'n2'),
    seed: nothing,
    heal: async () => asBefore(),
  },
  'a node with the prefix of another': {
    id: 'prefix-overlap',
    prepare: n3With('--node-prefixes', '10.244.2.0/24,fd00:10:244:3::/64'),
    seed: nothing,
    heal: async () => asBefore(),
  },
  'a static peer with the MAC address of another node': {
    id: 'mac-taken',
    prepare: n1Configured(async () => ({ staticPeers: [await staticPeer({ macOf: 'n2' })] })),
    seed: nothing,
    heal: async () => asBefore('n1'),
  },
  'a static peer with the address of another node': {
    id: 'endpoint-taken',
    prepare: n1Configured(async () => ({ staticPeers: [await staticPeer({ endpoint: '198.18.0.2' })] })),
    seed: nothing,
    heal: async () => asBefore('n1'),
  },
  'a node of another version': {
    id: 'version-skew',
    prepare: async () => n3Of(copyOfWeft('package.json', /"version": "[^"]+"/, '"version": "0.0.9"')),
    seed: nothing,
    heal: async () => asBefore(),
    evidence: /n3 runs weft 0\.0\.9/,
  },
  'a node whose clock is five seconds ahead': {
    id: 'clock-skew',
    prepare: async () => n3Of(copyOfWeft('src/linux/clock.ts', 'return timespec[0]!', 'return (timespec[0]! + 5n)')),
    seed: nothing,
    heal: async () => asBefore(),
    evidence: /n3 is 5\.0 s ahead/,
  },
  'packets under addresses of other nodes': {
    id: 'forged-source',
    seed: async () => {
      const { mac } = (await lab.control('n1').status()).tun;
      await lab.exec('n3', process.execPath, sender, '198.18.0.3', '198.18.0.1', mac);
    },
    heal: nothing,
    evidence: /forged-source\nof the last: from n3, /,
  },
  'packets that are damaged on the way': {
    id: 'offload-corrupts',
    prepare: async () =>
      (await lab.tryAsk('n3', 'fault', 'add', '--peer', 'n1', '--corrupt', '60%', '--seed', '7')).succeeded(),
    seed: async () =>
      lab.exec('n3-p1', 'ping', '-n', '-q', '-c', '20', '-i', '0.02', '-W', '1', '10.244.1.2').catch(nothing),
    heal: async () => lab.tryAsk('n3', 'fault', 'rm', '--all'),
    evidence: /dropped as inner-bad-/,
  },
  'a kernel that does not join UDP datagrams': {
    id: 'kernel-feature-missing',
    prepare: async () => {
      const library = await libraryWithoutUdpGro();
      await lab.lab('stop', 'n1');
      const daemon = lab.background(
        'n1',
        'env',
        `LD_PRELOAD=${library}`,
        ...weft,
        'daemon',
        '--config',
        lab.files('n1').config,
      );
      endOf.set('n1', async () => daemon.end());
      await answers('n1');
    },
    seed: nothing,
    heal: async () => asBefore('n1'),
    evidence: /udpCoalescing/,
  },
  'more packets than a daemon takes that stands still': {
    id: 'receive-overflow',
    seed: async () => {
      const { pid } = await lab.control('n1').status();
      process.kill(pid, 'SIGSTOP');
      try {
        await lab.exec('n3-p1', process.execPath, flood, '10.244.3.2', '10.244.1.2:9', '50000');
      } finally {
        process.kill(pid, 'SIGCONT');
      }
    },
    heal: nothing,
    evidence: /\d{3,} were lost in the last \d+ s/,
  },
  'a node that starts while nobody can be reached': {
    id: 'gossip-alone',
    prepare: async () => {
      await lab.lab('stop', 'n1');
      await lab.lab('cut', 'n1', 'n2');
      await lab.lab('cut', 'n1', 'n3');
      rmSync(join(lab.files('n1').stateDir, 'members.json'), { force: true });
      await lab.lab('start', 'n1');
    },
    seed: nothing,
    heal: async () => {
      await lab.lab('heal', 'n1', 'n2');
      await lab.lab('heal', 'n1', 'n3');
    },
    evidence: /no seed has answered/,
  },
  'a node that was copied with all that it knows': {
    id: 'identity-contested',
    // Of two, the one with the higher endpoint yields.
    at: 'n3',
    prepare: async () => {
      await lab.lab('stop', 'n3');
      const own = join(lab.files('n3').stateDir, 'identity.json');
      const identity = readFileSync(own);
      cpSync(join(lab.files('n1').stateDir, 'identity.json'), own);
      await lab.lab('start', 'n3');
      endOf.set('n3', async () => {
        await lab.lab('stop', 'n3');
        writeFileSync(own, identity);
      });
    },
    seed: nothing,
    heal: async () => asBefore(),
    evidence: /198\.18\.0\.1/,
  },
  'faults that somebody injects here': {
    id: 'faults-injected',
    prepare: async () => (await lab.tryAsk('n1', 'fault', 'add', '--peer', 'n3', '--loss', '100%')).succeeded(),
    seed: nothing,
    heal: async () => lab.tryAsk('n1', 'fault', 'rm', '--all'),
  },
  'a node that was killed': {
    id: 'node-dead',
    prepare: async () => lab.lab('kill', 'n3'),
    seed: nothing,
    heal: async () => lab.lab('start', 'n3'),
    evidence: /n3 .* dead/,
  },
};

/** A static peer that differs from all nodes but in what is said. */
async function staticPeer({ macOf, endpoint = '198.18.0.99' }: { macOf?: string; endpoint?: string }): Promise<object> {
  const mac = macOf === undefined ? '02:00:5e:00:00:01' : (await lab.control(macOf).status()).tun.mac;
  return { name: 'vtep', endpoint, mac, prefixes: ['10.244.99.0/24'] };
}

/** Another installation of weft, changed in one place. */
function copyOfWeft(file: string, what: string | RegExp, by: string): string {
  const copy = mkdtempSync(join(copies, 'copy-'));
  cpSync(join(root, 'src'), join(copy, 'src'), { recursive: true });
  cpSync(join(root, 'package.json'), join(copy, 'package.json'));
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
  const text = readFileSync(join(copy, file), 'utf8');
  const changed = text.replace(what, by);
  if (changed === text) throw new Error(`${file} has no ${String(what)}`);
  writeFileSync(join(copy, file), changed);
  return copy;
}

/** What makes a kernel of before UDP_GRO of this one, for a process that is started with it. */
async function libraryWithoutUdpGro(): Promise<string> {
  const source = join(copies, 'without-udp-gro.c');
  const library = join(copies, 'without-udp-gro.so');
  writeFileSync(
    source,
    `#define _GNU_SOURCE
     #include <errno.h>
     #include <netinet/in.h>
     #include <netinet/udp.h>
     #include <sys/syscall.h>
     #include <unistd.h>
     int setsockopt(int fd, int level, int name, const void *value, socklen_t length) {
       if (level == IPPROTO_UDP && name == UDP_GRO) return errno = ENOPROTOOPT, -1;
       return syscall(SYS_setsockopt, fd, level, name, value, length);
     }`,
  );
  (await runProgram(['cc', '-shared', '-fPIC', '-o', library, source])).succeeded();
  return library;
}

/** Has n3 run from there until {@link asBefore}. */
async function n3Of(copy: string): Promise<void> {
  await lab.lab('stop', 'n3');
  const main = join(copy, 'src', 'cli', 'main.ts');
  const daemon = lab.background('n3', process.execPath, main, 'daemon', '--config', lab.files('n3').config);
  endOf.set('n3', async () => daemon.end());
  await answers('n3');
}

test.serial('a healthy lab has no findings, on no node', async (t) => {
  await untilHealthy();
  await until(
    'a person is told the same',
    async () =>
      /^n1 is healthy: \d+ checks made\nn2 is healthy: .*\nn3 is healthy: .*\n$/.test(
        (await lab.tryAsk('n1', 'doctor', '--all')).stdout,
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
    const { stdout, exitCode } = await lab.tryExec('world', ...doctorAlone);
    const findings = findingsOf(JSON.parse(stdout) as DoctorReport);
    t.deepEqual([findings.map((finding) => finding.id), exitCode], [[id], 1]);
  });
}

for (const [what, { id, at = 'n1', prepare = nothing, seed, heal, evidence = /./ }] of Object.entries(faults)) {
  test.serial(`${what}: ${id}, and nothing else`, async (t) => {
    t.timeout(3 * DEADLINE_MS);
    try {
      await prepare();
      const finding = await untilFound(at, id, seed, evidence);
      t.true(finding.fix.text !== '' && finding.cause !== '');
    } finally {
      await heal();
    }
    await untilHealthy();
    t.pass();
  });
}
