import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readlinkSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import test from 'ava';
import { enterNetworkNamespace, isNetworkNamespaceFile } from '../../src/linux/network-namespace.ts';

const isRoot = process.getuid?.() === 0;
const asRoot = isRoot ? test.serial : test.serial.skip;

const namespaceFiles = test.macro({
  exec: (t, path: string, expected: boolean) => t.is(isNetworkNamespaceFile(path), expected),
  title: (name, _path, expected) => `${name} is ${expected ? 'a' : 'no'} network namespace`,
});

test('our own', namespaceFiles, '/proc/self/ns/net', true);
test('a mount namespace', namespaceFiles, '/proc/self/ns/mnt', false);
test('a user namespace', namespaceFiles, '/proc/self/ns/user', false);
test('a file', namespaceFiles, '/etc/passwd', false);
test('a folder', namespaceFiles, '/', false);
test('a device', namespaceFiles, '/dev/null', false);
test('nothing', namespaceFiles, '/nonexistent', false);
test('a name with a zero byte in it', namespaceFiles, '/proc/self/ns/net\0', false);

/** A process in a network namespace of its own, whose namespace file is passed to `body`. */
async function withNamespace(body: (path: string) => Promise<void> | void): Promise<void> {
  const child = spawn('unshare', ['--net', 'sh', '-c', 'ip link set lo up && echo ready && exec cat'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  try {
    await once(child.stdout, 'data');
    await body(`/proc/${child.pid}/ns/net`);
  } finally {
    child.stdin.end();
    await once(child, 'exit');
  }
}

function currentNamespace(): string {
  return readlinkSync('/proc/thread-self/ns/net');
}

asRoot('a thread enters a namespace and comes back', async (t) => {
  await withNamespace((path) => {
    const home = currentNamespace();
    const target = readlinkSync(path);
    t.not(home, target);
    const leave = enterNetworkNamespace(path);
    try {
      t.is(currentNamespace(), target);
      t.deepEqual(Object.keys(networkInterfaces()), ['lo']);
    } finally {
      leave();
    }
    t.is(currentNamespace(), home);
  });
});

asRoot('a program that is started inside runs inside', async (t) => {
  await withNamespace((path) => {
    const leave = enterNetworkNamespace(path);
    try {
      t.is(execFileSync('readlink', ['/proc/self/ns/net'], { encoding: 'utf8' }).trim(), readlinkSync(path));
    } finally {
      leave();
    }
  });
});

test.serial('entering something else is refused, and leaves us where we are', (t) => {
  const home = currentNamespace();
  t.throws(() => enterNetworkNamespace('/proc/self/ns/mnt'), { code: 'not-a-network-namespace' });
  t.throws(() => enterNetworkNamespace('/etc/passwd'), { code: 'not-a-network-namespace' });
  t.throws(() => enterNetworkNamespace('/nonexistent'), { code: 'system-call-failed', message: /ENOENT/ });
  t.is(currentNamespace(), home);
});
