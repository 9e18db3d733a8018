import test from 'ava';
import { StateFile } from '../../../src/daemon/state/state-file.ts';
import type { Store } from '../../../src/env/store.ts';
import { WeftError } from '../../../src/errors.ts';

class Disk implements Store {
  document: unknown;
  isFull = false;

  load(): unknown {
    return this.document;
  }

  save(document: unknown): void {
    if (this.isFull) throw new WeftError('store-failed', 'pods.json cannot be saved: no space');
    this.document = document;
  }
}

function fileOn(disk: Disk): StateFile {
  const file = new StateFile('pods.json', disk);
  file.load();
  return file;
}

test('what is kept while the disk is full is stored by the next try that succeeds', (t) => {
  const disk = new Disk();
  const file = fileOn(disk);
  file.keep({ pods: 1 });
  disk.isFull = true;
  file.keep({ pods: 2 });
  t.is(file.behind, 'pods.json cannot be saved: no space');
  t.false(file.retry());
  t.deepEqual(disk.document, { pods: 1 });
  disk.isFull = false;
  t.true(file.retry());
  t.deepEqual(disk.document, { pods: 2 });
  t.is(file.behind, undefined);
});

test('what was refused is not stored later', (t) => {
  const disk = new Disk();
  const file = fileOn(disk);
  file.save({ pods: 1 });
  disk.isFull = true;
  t.throws(() => file.save({ pods: 2 }), { code: 'store-failed' });
  t.is(file.behind, undefined);
  disk.isFull = false;
  t.true(file.retry());
  t.deepEqual(disk.document, { pods: 1 });
});

test('each save is told of', (t) => {
  const disk = new Disk();
  const told: string[] = [];
  const file = new StateFile('keys.json', disk, ({ name }, failure) =>
    told.push(`${name} ${failure?.message ?? 'ok'}`),
  );
  file.keep(1);
  disk.isFull = true;
  file.keep(2);
  t.deepEqual(told, ['keys.json ok', 'keys.json pods.json cannot be saved: no space']);
});
