/**
 * What network policies deny, seen with real packets on a lab of two nodes: captures that tshark reads, drops, flows and explanations, events;
 * right after a restart, and while a pod sends without end what is denied.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import type { Explanation } from '../../src/explain/explanation.ts';
import { decodeCapture } from '../support/capture.ts';
import type { Program } from '../support/program.ts';
import { TestLab, weft } from '../support/test-lab.ts';
import { until } from '../support/until.ts';

const runs = test.serial;

const flooder = fileURLToPath(new URL('../support/udp-flood.ts', import.meta.url));

const web = { v4: '10.244.1.2', v6: 'fd00:10:244:1::2' } as const;
const near = '10.244.1.3';
const far = { v4: '10.244.2.2', v6: 'fd00:10:244:2::2' } as const;

/** Labels of pods; `far` is at n2. */
const apps = { 'n1-p1': 'web', 'n1-p2': 'near', 'n2-p1': 'far' } as const;
type Place = keyof typeof apps;

const FLOOD_PACKETS = 20_000;
const ISOLATED = 'isolated by default/web, no rule matches';
const TELNET = 'no-telnet ingress[0].from[0]';

const directory = mkdtempSync(join(tmpdir(), 'weft-seen-'));
let lab: TestLab;

test.before(async () => {
  lab = await TestLab.up('--nodes', '2', '--pods', '2');
  for (const place of Object.keys(apps) as Place[]) await labelled(place);
  await lab.control('n2').givePolicies({ apply: [isolating('web'), noTelnet] });
  await until('web is isolated', async () => !(await lab.reaches('n2-p1', web.v4, 1)));
});

test.after.always(async () => {
  rmSync(directory, { recursive: true, force: true });
  await lab?.down();
});

async function labelled(place: Place): Promise<void> {
  const [node, pod] = place.split('-') as [string, string];
  const netns = `/run/netns/${lab.name}-${place}`;
  await lab.control(node).addPod(pod, { netns, labels: { app: apps[place] } });
}

/** Nobody may reach pods of this app. */
function isolating(app: string, annotations: Readonly<Record<string, string>> = {}): object {
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { name: app, annotations },
    spec: { podSelector: { matchLabels: { app } }, policyTypes: ['Ingress'] },
  };
}

const noTelnet = {
  apiVersion: 'policy.networking.k8s.io/v1alpha2',
  kind: 'ClusterNetworkPolicy',
  metadata: { name: 'no-telnet' },
  spec: {
    tier: 'Admin',
    priority: 5,
    subject: { namespaces: {} },
    ingress: [
      {
        action: 'Deny',
        from: [{ namespaces: {} }],
        protocols: [{ tcp: { destinationPort: { number: 23 } } }],
      },
    ],
  },
};

/** Starts a capture of what policies deny at n1, or at all nodes. */
async function capture(file: string, ...options: readonly string[]): Promise<Program> {
  const started = lab.background('n1', ...weft, '--socket', lab.files('n1').socket, 'capture', ...options, '-w', file);
  await until('the capture has begun', () => started.stderr.includes('capturing on'));
  return started;
}

/** Frames of a capture file: where they were seen, keys of the comment that are about policies, and what tshark takes them for. */
async function frames(file: string): Promise<readonly string[]> {
  const fields = ['frame.interface_name', 'frame.comment', 'ip.src', 'ipv6.src', '_ws.col.Protocol'] as const;
  return (await decodeCapture(file, fields)).map((frame) => {
    const words = fields.flatMap((field) => frame[field].join(' ').split(' ')).filter((word) => word !== '');
    return words.filter((word) => !/^(weft|route|origin|version|checksum)(=|$)/.test(word)).join(' ');
  });
}

async function event(node: string, kind: string): Promise<readonly string[]> {
  return (await lab.control(node).events({ kind })).map(({ message }) => message);
}

async function untilTold(node: string, message: string): Promise<void> {
  await until(`${node} tells: ${message}`, async () => (await event(node, 'policy-changed')).includes(message));
}

runs('packets of each protocol that policies deny are in a capture, with the rule, as tshark reads it', async (t) => {
  const file = join(directory, 'drops.pcapng');
  const program = await capture(file, '--drops');
  await lab.reaches('n2-p1', web.v4, 1);
  await lab.reaches('n2-p1', web.v6, 1);
  for (const target of [`TCP4:${web.v4}:80`, `TCP6:[${web.v6}]:80`, `TCP4:${web.v4}:23`])
    await lab.tryExec('n1-p2', 'socat', '-u', '/dev/null', `${target},connect-timeout=1`);
  for (const target of [`UDP4:${web.v4}:514`, `UDP6:[${web.v6}]:514`])
    await lab.tryExec('n2-p1', 'sh', '-c', `echo hello | socat -u - ${target}`);
  const isolated = 'n1/drop verdict=drop reason=policy-denied direction=ingress policy=default/web';
  const expected = [
    `${isolated} ${far.v4} ICMP`,
    `${isolated} ${far.v6} ICMPv6`,
    `${isolated} ${near} TCP`,
    `${isolated} fd00:10:244:1::3 TCP`,
    `${isolated} ${far.v4} Syslog`,
    `${isolated} ${far.v6} Syslog`,
    `n1/drop verdict=drop reason=policy-denied direction=ingress policy=no-telnet rule=ingress[0].from[0] ${near} TCP`,
  ];
  const missing = async (): Promise<readonly string[]> => {
    const seen = await frames(file);
    return expected.filter((one) => !seen.includes(one));
  };
  await until('all of them are in the file', async () => (await missing()).length === 0).catch(() => undefined);
  t.deepEqual(await missing(), [], (await frames(file)).join('\n'));
  (await program.end('SIGINT')).succeeded();
});

runs('drops and flows have them with their rule, and an explanation of that moment names it', async (t) => {
  const { recent, policies } = await lab.control('n1').drops({ limit: '1000' });
  const denied = recent.filter(({ reason }) => reason === 'policy-denied');
  t.like(
    denied.find(({ source, protocol }) => source === far.v4 && protocol === 'icmp'),
    { direction: 'ingress', pod: 'p1', remotePod: 'n2/p1', policy: 'default/web', rule: ISOLATED },
  );
  t.like(
    denied.find(({ destinationPort }) => destinationPort === 23),
    { source: near, destination: web.v4, policy: 'no-telnet', rule: TELNET },
  );
  t.true(policies.some(({ rule, direction, packets }) => rule === TELNET && direction === 'ingress' && packets > 0));
  const [{ flows } = { flows: [] }] = await lab.control('n1').flows({ dropped: 'true', address: far.v6 });
  t.true(
    flows.some(
      ({ protocol, reason, rule }) => protocol === 'icmpv6' && reason === 'policy-denied' && rule === ISOLATED,
    ),
  );
  const asked = await lab.tryAsk('n2', 'explain', far.v4, web.v4, '--around', '1m', '--window', '5m', '--json');
  const { around } = JSON.parse(asked.stdout) as Explanation;
  t.regex(around!.conclusion, /at least \d+ there dropped at n1 as policy-denied: ingress, isolated by default\/web/);
});

runs('events tell who gave and deleted policies', async (t) => {
  for (const node of ['n1', 'n2']) await untilTold(node, 'policy default/web was created at n2');
  await lab.control('n1').givePolicies({ apply: [isolating('nobody')] });
  await untilTold('n2', 'policy default/nobody was created at n1');
  await lab.control('n1').givePolicies({ delete: [{ kind: 'NetworkPolicy', namespace: 'default', name: 'nobody' }] });
  await untilTold('n2', 'policy default/nobody was deleted at n1');
  t.pass();
});

runs('a policy in audit mode denies nothing, and what it would deny is seen', async (t) => {
  const file = join(directory, 'audit.pcapng');
  await lab.control('n1').givePolicies({ apply: [isolating('near', { 'weft.dev/policy-mode': 'audit' })] });
  const program = await capture(file, '--drops', 'icmp');
  await until('it is told', async () => {
    t.true(await lab.reaches('n2-p1', near));
    return (await frames(file)).some((frame) =>
      frame.startsWith(
        `n1/audit verdict=would-drop reason=policy-denied direction=ingress policy=default/near ${far.v4}`,
      ),
    );
  });
  (await program.end('SIGINT')).succeeded();
  t.true((await event('n1', 'policy-denied')).some((text) => text.includes(`to ${near} would be denied, and passed`)));
  const { recent } = await lab.control('n1').drops({ limit: '1000', address: near });
  t.deepEqual(
    recent.filter(({ destination }) => destination === near),
    [],
  );
});

runs('a capture of all nodes has what policies deny at each of them', async (t) => {
  const file = join(directory, 'all.pcapng');
  await lab.control('n1').givePolicies({ apply: [isolating('far')] });
  await until('far is isolated', async () => !(await lab.reaches('n1-p2', far.v4, 1)));
  const program = await capture(file, '--all', '--drops', 'icmp');
  await until('both have told', async () => {
    await Promise.all([lab.reaches('n1-p2', far.v4, 1), lab.reaches('n2-p1', web.v4, 1)]);
    const seen = await frames(file);
    return ['n1/drop .* policy=default/web ', 'n2/drop .* policy=default/far '].every((one) =>
      seen.some((frame) => new RegExp(`^${one}`).test(frame)),
    );
  });
  (await program.end('SIGINT')).succeeded();
  t.pass();
});

runs('a daemon that was just started knows the names of what the kernel denies', async (t) => {
  const names = (): string => readFileSync(join(lab.files('n1').stateDir, 'policy-names.json'), 'utf8');
  await until('names are stored', () => names().includes('default/web') && names().includes('no-telnet'));
  const pings = lab.background('n2-p1', 'ping', '-i', '0.2', web.v4);
  await lab.lab('kill', 'n1');
  await lab.lab('start', 'n1');
  await lab.answers('n1');
  await until('it tells of denied packets', async () => (await event('n1', 'policy-denied')).length > 0);
  await pings.end('SIGINT');
  for (const text of await event('n1', 'policy-denied')) t.regex(text, /isolated by default\//);
});

runs('a flood of denied packets hides nothing of others, and what is lost of it is counted', async (t) => {
  const client = lab.control('n1');
  await until('pods are known again', async () => (await client.policies()).pods.length === 4);
  for (const place of ['n1-p1', 'n1-p2'] as const) await labelled(place);
  const packetsOf = async (): Promise<number> =>
    (await client.drops({ limit: '0' })).policies.find(({ rule }) => rule === ISOLATED)?.packets ?? 0;
  const [before, told] = [await packetsOf(), (await client.status()).kernel.policyLog];
  const flood = lab.background('n1-p2', process.execPath, flooder, near, `${web.v4}:9`, `${FLOOD_PACKETS}`);
  // Each is another flow, which nobody was told of.
  let port = 30_000;
  while (flood.child.exitCode === null) {
    await lab.tryExec('n2-p1', 'sh', '-c', `echo hello | socat -u - UDP4:${web.v4}:${port++}`);
    await client.status();
  }
  await until('all are counted', async () => (await packetsOf()) - before >= FLOOD_PACKETS);
  await until('some are told', async () => (await client.status()).kernel.policyLog.denied > told.denied);
  const { recent } = await client.drops({ limit: '1000' });
  const of = (source: string): number =>
    recent.filter((one) => one.source === source && one.destinationPort !== 0).length;
  t.true(of(near) > 0 && of(near) <= 256, `${of(near)}`);
  t.true(of(far.v4) > 0, 'packets of others are recorded');
  await until('the event of the other pod is there', async () =>
    (await event('n1', 'policy-denied')).some((text) => text.startsWith(`udp 3`) && text.includes(`from ${far.v4} `)),
  );
});
