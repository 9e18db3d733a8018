/** What `weft report` packs, and what it must not, on a lab of two nodes with one pod each. */
import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { Report } from '../../src/cli/report-archive.ts';
import type { Status } from '../../src/api/control-api.ts';
import { generateKey } from '../../src/daemon/gossip/key-file.ts';
import { runProgram } from '../support/program.ts';
import { TestLab, weft } from '../support/test-lab.ts';

const directory = mkdtempSync(join(tmpdir(), 'weft-report-test-'));

let lab: TestLab;

test.before(async () => {
  lab = await TestLab.up('--nodes', '2', '--pods', '1');
});

test.after.always(async () => {
  rmSync(directory, { recursive: true });
  await lab?.down();
});

/** Reports on n1, and unpacks it: text by name of the file. */
async function reported(
  t: ExecutionContext,
  name: string,
  ...flags: readonly string[]
): Promise<{ report: Report; texts: ReadonlyMap<string, string> }> {
  const archive = join(directory, `${name}.tar.gz`);
  const argv = [...weft, '--socket', lab.files('n1').socket, 'report', '--output', archive, '--json', ...flags];
  const report = JSON.parse(await lab.exec('n1', ...argv)) as Report;
  t.is(statSync(archive).mode & 0o777, 0o600);
  const target = join(directory, `${name}-unpacked`);
  mkdirSync(target);
  (await runProgram(['tar', '-xzf', archive, '-C', target])).succeeded();
  const root = join(target, name);
  const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((file) =>
    statSync(join(root, file)).isFile(),
  );
  return { report, texts: new Map(files.map((file) => [file, readFileSync(join(root, file), 'utf8')])) };
}

test.serial('a report has everything, but no key and nothing that a pod sent', async (t) => {
  const { keyFile, config } = lab.files('n1');
  const [key = ''] = readFileSync(keyFile, 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
  const former = generateKey();
  appendFileSync(config, `# the key was ${former}, and now it is ${key}\n`);
  // 776566742d7061796c6f6164: "weft-payload", over and over.
  await lab.exec('n1-p1', 'ping', '-c', '3', '-i', '0.2', '-W', '10', '-p', '776566742d7061796c6f6164', '10.244.2.2');

  const { report, texts } = await reported(t, 'whole');
  t.deepEqual([...texts.keys()].sort(), [...report.files].sort());
  const expected = [
    'version.json',
    'config.yaml',
    'daemon/status.json',
    'daemon/peers.json',
    'daemon/routes.json',
  ].concat(
    ['events', 'audit', 'doctor', 'doctor-all', 'flows', 'drops'].map((name) => `daemon/${name}.json`),
    ['links', 'addresses', 'routes-ipv4', 'routes-ipv6', 'rules-ipv4', 'nftables', 'sysctls', 'udp-sockets'].map(
      (name) => `kernel/${name}.txt`,
    ),
  );
  t.deepEqual(
    expected.filter((file) => (texts.get(file) ?? '') === ''),
    [],
  );
  t.is((JSON.parse(texts.get('daemon/status.json')!) as Status).nodeName, 'n1');
  t.regex(texts.get('kernel/links.txt')!, /weft0/);
  t.regex(texts.get('kernel/nftables.txt')!, /table inet weft/);
  t.regex(texts.get('kernel/udp-sockets.txt')!, /:4789\b/);
  t.regex(texts.get('kernel/sysctls.txt')!, /^net\.ipv4\.ip_forward = 1$/m);

  t.true(report.removed >= 2);
  const bytes = Buffer.from(key, 'base64');
  const secrets = [
    key,
    key.slice(0, -1),
    former,
    bytes.toString('hex'),
    bytes.toString('base64url'),
    bytes.toString('latin1'),
  ];
  const payload = [
    'weft-payload',
    'weft',
    '776566742d7061',
    Buffer.from('weft-payload').toString('base64').slice(0, 12),
  ];
  for (const [file, text] of texts) {
    for (const secret of secrets) t.false(text.includes(secret), `${file} has a key`);
    for (const sent of payload.filter((word) => word !== 'weft')) t.false(text.includes(sent), `${file} has payload`);
  }
});

test.serial('without a daemon there is still the machine', async (t) => {
  await lab.lab('stop', 'n1');
  const { report, texts } = await reported(t, 'alone');
  t.true(texts.has('kernel/links.txt') && texts.has('config.yaml') && texts.has('daemon/doctor.json'));
  t.false(texts.has('daemon/status.json'));
  const missing = report.missing.find(({ file }) => file === 'daemon/status.json');
  t.regex(missing!.reason, /weft\.sock/);
  t.regex(texts.get('missing.txt')!, /daemon\/status\.json/);
});

test.serial('an archive that is there is not written over', async (t) => {
  const archive = join(directory, 'alone.tar.gz');
  const before = statSync(archive).mtimeMs;
  const { exitCode, stderr } = await lab.tryAsk('n2', 'report', '--output', archive);
  t.is(exitCode, 2);
  t.regex(stderr, /is there already/);
  t.is(statSync(archive).mtimeMs, before);
});

test.serial('where no file can be made, that is said in words', async (t) => {
  const { exitCode, stderr } = await lab.tryAsk('n2', 'report', '--output', join(directory, 'nowhere', 'x.tar.gz'));
  t.is(exitCode, 2);
  t.regex(stderr, /^weft: .*nowhere\/x\.tar\.gz cannot be written \(ENOENT\): choose another place with --output\n$/);
});
