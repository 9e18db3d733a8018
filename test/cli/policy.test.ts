/** `weft policy` as a process: options and exit codes. */
import { execFile } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import type { PolicyMatrix, PolicyTest } from '../../src/cli/policy-answer.ts';
import { shopDirectory } from '../support/shop-files.ts';

const main = join(import.meta.dirname, '..', '..', 'src', 'cli', 'main.ts');
const directory = shopDirectory();
test.after.always(() => rmSync(directory, { recursive: true }));

/** Runs the real command line where the files are. */
async function policy(...argv: readonly string[]) {
  return await new Promise<{ exitCode: number; stdout: string; stderr: string }>((resolve) => {
    const child = execFile(
      process.execPath,
      [main, 'policy', ...argv],
      { cwd: directory },
      (_error, stdout, stderr) => {
        resolve({ exitCode: child.exitCode ?? -1, stdout, stderr });
      },
    );
    child.stdin?.end();
  });
}

const withoutPolicies = ['--files', 'pods.json', '--pods', 'pods.json'];
const files = ['--files', 'policies', '--pods', 'pods.json'];

test('the exit code says whether it is allowed', async (t) => {
  const allowed = await policy('test', 'shop/deploy/web', 'shop/db-0', '--dport', '5432', ...files);
  t.deepEqual([allowed.exitCode, allowed.stderr], [0, '']);
  t.regex(allowed.stdout, /^ALLOWED: tcp 5432 /);
  const unanswered = await policy('test', 'shop/deploy/web', 'shop/db-0', '--proto', 'udp', '--dport', 'sql', ...files);
  t.deepEqual([unanswered.exitCode, unanswered.stdout], [2, '']);
  const json = await policy('test', '203.0.113.9', 'shop/db-0', '--proto', 'TCP', '--json', ...files);
  t.is(json.exitCode, 1);
  t.like(JSON.parse(json.stdout) as PolicyTest, { allowed: false, asked: 'tcp', open: [] });
});

test('warnings stand beside the answer', async (t) => {
  const { exitCode, stdout, stderr } = await policy('test', 'shop/db-0', '10.244.1.5', ...withoutPolicies);
  t.deepEqual([exitCode, stderr], [0, 'weft: pods.json: warning: no policy is here\n']);
  t.regex(stdout, /^ALLOWED: everything /);
});

test('a matrix is no failure, and JSON has all cells', async (t) => {
  const { exitCode, stdout } = await policy('matrix', '--namespace', 'shop', 'monitoring', '--json', ...files);
  t.is(exitCode, 0);
  const { pods, cells } = JSON.parse(stdout) as PolicyMatrix;
  t.deepEqual([pods.length, cells.length], [4, 12]);
});

test('a check fails if something cannot be read, and is fine with warnings alone', async (t) => {
  t.like(await policy('check', '--files', 'policies'), {
    exitCode: 0,
    stdout: '3 policies in 1 file: nothing is wrong\npassed over: 1 Deployment\n',
  });
  const { exitCode, stdout } = await policy('check', '--files', 'policies', 'none', '--json');
  t.is(exitCode, 1);
  t.like(JSON.parse(stdout), { remarks: [{ severity: 'error', place: 'none', text: 'there is no such file' }] });
});

for (const [argv, message] of [
  ['test a b --pods pods.json', /^weft: --pods: give the policies, too, with --files\n$/],
  ['check --pods pods.json', /^weft: --pods: give the policies, too, with --files\n$/],
  [
    'test a b --files policies --pods pods.json --dport 0',
    /Neither a whole number from 1 to 65535 nor the name of a port\./,
  ],
  ['test a b --files policies --pods pods.json --proto gre', /Not one of tcp, udp, sctp, icmp\./],
] as const) {
  test(`weft policy ${argv} is a usage error`, async (t) => {
    const { exitCode, stderr, stdout } = await policy(...argv.split(' '));
    t.regex(stderr, message);
    t.deepEqual([exitCode, stdout], [2, '']);
  });
}
