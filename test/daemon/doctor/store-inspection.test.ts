import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { inspectStore } from '../../../src/daemon/doctor/store-inspection.ts';

const identity = '4f1c2a9be07d4d5fb1a0c3d2e4f50617';
let stateDir: string;

test.beforeEach(() => {
  stateDir = mkdtempSync(join(tmpdir(), 'weft-store-'));
  writeFileSync(join(stateDir, 'identity.json'), JSON.stringify({ identity, incarnation: 3 }));
});

test.afterEach.always(() => rmSync(stateDir, { recursive: true }));

function damaged(podDamage?: string): string[] {
  return inspectStore({ stateDir, identity, podDamage, failing: [] }).damaged.map(
    ({ message, isRewritable }) => `${message}${isRewritable ? ' (rewritable)' : ''}`,
  );
}

test.serial('a state directory as it should be has no damage, and room', (t) => {
  const {
    damaged: found,
    unwritable,
    freeBytes,
    directory,
  } = inspectStore({ stateDir, identity, podDamage: undefined, failing: [] });
  t.deepEqual([found, unwritable, directory], [[], undefined, stateDir]);
  t.true(freeBytes > 0);
});

test.serial('pods that are not those that are known can be written again', (t) => {
  t.deepEqual(damaged('pods.journal is gone'), ['pods.journal is gone (rewritable)']);
});

test.serial('an identity of another node, or none, can be written again', (t) => {
  writeFileSync(join(stateDir, 'identity.json'), JSON.stringify({ identity: 'another' }));
  t.regex(damaged().join(), /identity\.json .* has another identity than this node \(rewritable\)/);
  rmSync(join(stateDir, 'identity.json'));
  t.regex(damaged().join(), /identity\.json is gone .* \(rewritable\)/);
});

test.serial('orders that cannot be read cannot be written again', (t) => {
  writeFileSync(join(stateDir, 'keys.json'), '{');
  t.regex(damaged().join(), /^keys\.json in the state directory cannot be read: .*(?<!rewritable\))$/);
});

test.serial('a directory that is gone is said to be so', (t) => {
  const { unwritable, freeBytes } = inspectStore({
    stateDir: join(stateDir, 'gone'),
    identity,
    podDamage: undefined,
    failing: [],
  });
  t.regex(unwritable!, /cannot be written: ENOENT/);
  t.is(freeBytes, Infinity);
});
