import { spawn } from 'node:child_process';
import { once } from 'node:events';
import test from 'ava';
import { isSeenBy, peerGroupOf, sharesMountsWith } from '../../src/linux/mount-namespace.ts';

const mounts = `22 27 0:21 / /proc rw - proc proc rw
27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
31 27 0:28 / /run rw shared:5 master:2 - tmpfs tmpfs rw
32 31 0:28 /netns /run/netns rw shared:7 - tmpfs tmpfs rw
33 27 0:30 / /private rw master:9 - tmpfs tmpfs rw
`;

for (const [directory, group] of [
  ['/run/netns', 'shared:7'],
  ['/run/net', 'shared:5'],
  ['/runner', 'shared:1'],
  ['/private/x', undefined],
  ['/proc/1', undefined],
] as const) {
  test(`what is mounted below ${directory} goes to ${group ?? 'nobody'}`, (t) =>
    t.is(peerGroupOf(directory, mounts), group));
}

test('of two mounts at one place the later one counts', (t) => {
  t.is(peerGroupOf('/run', `${mounts}40 31 0:33 / /run rw - tmpfs tmpfs rw\n`), undefined);
});

test('a process shares its mounts with itself, and nothing is known of one that is not there', (t) => {
  t.true(sharesMountsWith(process.pid, '/run/netns'));
  t.is(sharesMountsWith(2 ** 22 + 1, '/run/netns'), undefined);
  t.true(isSeenBy(process.pid, '/proc/self/mountinfo'));
  t.is(isSeenBy(2 ** 22 + 1, '/run'), undefined);
});

test('a process of the same namespace sees the same files', async (t) => {
  const child = spawn('sleep', ['60']);
  await once(child, 'spawn');
  t.true(isSeenBy(child.pid!, import.meta.filename));
  t.false(isSeenBy(child.pid!, `/proc/${process.pid}/no-such-file`));
  child.kill('SIGKILL');
});
