/** The underlay interface gets another name while daemons run, on a lab of two nodes. */
import { readFileSync, writeFileSync } from 'node:fs';
import test from 'ava';
import { parse, stringify } from 'yaml';
import type { Status } from '../../src/api/control-api.ts';
import type { Diagnosis, Finding } from '../../src/doctor/finding.ts';
import { TestLab } from '../support/test-lab.ts';
import { until } from '../support/until.ts';

let lab: TestLab;

test.before(async () => {
  lab = await TestLab.up('--nodes', '2', '--pods', '1');
  await withoutInterface('n2');
});

test.after.always(async () => lab?.down());

/** Has the node choose its underlay by itself: by the route to its seed. */
async function withoutInterface(node: string): Promise<void> {
  const { config } = lab.files(node);
  const { underlay, ...rest } = parse(readFileSync(config, 'utf8')) as Record<string, unknown>;
  if (underlay === undefined) throw new Error('the lab names no interface');
  writeFileSync(config, stringify(rest));
  await lab.lab('stop', node);
  await lab.lab('start', node);
  await until('pods reach each other', async () => lab.isConnected());
}

async function statusOf(node: string): Promise<Status> {
  return await lab.control(node).status();
}

async function rename(node: string, from: string, to: string): Promise<void> {
  await lab.exec(node, 'ip', 'link', 'set', from, 'name', to);
  await until(`${node} shows ${to}`, async () => (await statusOf(node)).underlay.interface === to);
}

async function findings(node: string): Promise<readonly Finding[]> {
  const [diagnosis] = (await lab.control(node).doctor({})).nodes as [Diagnosis];
  return diagnosis.findings;
}

/** Waits until this was said of the underlay of a node, and nothing else. */
async function untilTold(node: string, message: string): Promise<void> {
  const said = async (): Promise<string> =>
    (await lab.control(node).events({ kind: 'underlay-changed' })).map((event) => event.message).join('\n');
  await until(`${node} says "${message}"`, async () => (await said()) === message);
}

/** Waits until a node has these notices, and no others. */
async function untilNoticed(node: string, ...codes: readonly string[]): Promise<void> {
  const noticed = async (): Promise<string> => (await statusOf(node)).notices.map(({ code }) => code).join();
  await until(`${node} has the notices: ${codes.join() || 'none'}`, async () => (await noticed()) === codes.join());
}

/** Waits until the doctor of a node finds this, and nothing else: it tells all who ask within a second the same. */
async function untilFound(node: string, ...ids: readonly string[]): Promise<readonly Finding[]> {
  let found: readonly Finding[] = [];
  await until(`the doctor of ${node} finds ${ids.join() || 'nothing'}`, async () => {
    found = await findings(node);
    return found.map(({ id }) => id).join() === ids.join();
  });
  return found;
}

test.serial('where the configuration names it, weft goes on, and says which name it has now', async (t) => {
  await rename('n1', 'eth0', 'uplink0');
  const { underlay } = await statusOf('n1');
  t.like(underlay, { address: '198.18.0.1', reason: 'underlay.interface names it eth0, as it was called' });
  await untilNoticed('n1', 'underlay-renamed');
  await untilTold('n1', 'the underlay interface eth0 is named uplink0 now');
  await until('pods reach each other', async () => lab.isConnected());
  const [finding] = await untilFound('n1', 'underlay-renamed');
  t.like(finding, { id: 'underlay-renamed', severity: 'warning' });
  t.regex(finding!.evidence.join(), /eth0 is named uplink0 now/);
  t.deepEqual(finding!.fix.commands, ['ip link set uplink0 name eth0']);
  await until('rules of nftables have the name', async () =>
    (await lab.exec('n1', 'nft', 'list', 'set', 'inet', 'weft', 'underlay')).includes('"uplink0"'),
  );
});

test.serial('what the doctor advises ends it', async (t) => {
  const [finding] = await untilFound('n1', 'underlay-renamed');
  await lab.exec('n1', 'sh', '-c', finding!.fix.commands[0]!);
  await until('n1 shows eth0', async () => (await statusOf('n1')).underlay.interface === 'eth0');
  await untilNoticed('n1');
  await untilFound('n1');
  t.pass();
});

test.serial('one that is renamed while it is down comes back under its new name', async (t) => {
  await lab.exec('n1', 'sh', '-c', 'ip link set eth0 down && ip link set eth0 name uplink0 && ip link set uplink0 up');
  await until('n1 has it again', async () => {
    const { underlay, notices } = await statusOf('n1');
    return underlay.interface === 'uplink0' && notices.every(({ code }) => code === 'underlay-renamed');
  });
  await until('pods reach each other', async () => lab.isConnected());
  await rename('n1', 'uplink0', 'eth0');
  await untilNoticed('n1');
  t.pass();
});

test.serial('where it was chosen by itself, weft follows, and nothing is found', async (t) => {
  await rename('n2', 'eth0', 'uplink0');
  const { underlay } = await statusOf('n2');
  t.like(underlay, { address: '198.18.0.2', reason: 'its route leads to seed 198.18.0.1' });
  await untilNoticed('n2');
  await until('pods reach each other', async () => lab.isConnected());
  await untilFound('n2');
  await untilTold('n2', 'the underlay interface eth0 is named uplink0 now');
});
