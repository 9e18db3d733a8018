import test from 'ava';
import { LogDestination } from '../../../src/daemon/process/log-destination.ts';

/** A file that takes so many bytes, and then fails. */
class Disk {
  text = '';
  room = Infinity;
  code = 'ENOSPC';
  calls = 0;

  destination(): LogDestination {
    return new LogDestination(2, (lines, reason) => `${lines} lost: ${reason}\n`, this.write);
  }

  readonly write = (_fd: number, bytes: Uint8Array): number => {
    this.calls++;
    const length = Math.min(bytes.length, this.room);
    if (length === 0) throw Object.assign(new Error(`${this.code}: no`), { code: this.code });
    this.text += Buffer.from(bytes.subarray(0, length)).toString();
    this.room -= length;
    return length;
  };
}

test('a line is written whole', (t) => {
  const disk = new Disk();
  disk.destination().write('one\n');
  t.is(disk.text, 'one\n');
});

test('lines that do not fit are lost, and that is said with the first that does', (t) => {
  const disk = new Disk();
  const log = disk.destination();
  disk.room = 0;
  t.notThrows(() => log.write('one\n'));
  log.write('two\n');
  disk.room = Infinity;
  log.write('three\n');
  log.write('four\n');
  t.is(disk.text, '2 lost: ENOSPC: no\nthree\nfour\n');
});

test('a line that was begun is not continued by another', (t) => {
  const disk = new Disk();
  const log = disk.destination();
  disk.room = 2;
  log.write('one\n');
  disk.room = Infinity;
  log.write('two\n');
  t.is(disk.text, 'on\n1 lost: ENOSPC: no\ntwo\n');
});

test('a reader that does not keep up is waited for, but not for ever, and not twice', (t) => {
  const disk = new Disk();
  const log = disk.destination();
  Object.assign(disk, { room: 0, code: 'EAGAIN' });
  log.write('one\n');
  const tries = disk.calls;
  t.true(tries > 1);
  log.write('two\n');
  t.is(disk.calls, tries + 1);
});
