import test from 'ava';
import { nameOf } from '../../src/dataplane/drop-reason.ts';
import { relayFailureReason, sendFailureReason, tunWriteFailureReason } from '../../src/dataplane/failure-reason.ts';

const send = test.macro<[errnoName: string, reason: string]>({
  exec: (t, errnoName: string, reason: string) => t.is(nameOf(sendFailureReason(errnoName)), reason),
  title: (_, errnoName, reason) => `a send that fails with ${errnoName} is counted as ${reason}`,
});

const relay = test.macro<[errnoName: string, reason: string]>({
  exec: (t, errnoName: string, reason: string) => t.is(nameOf(relayFailureReason(errnoName)), reason),
  title: (_, errnoName, reason) => `passing on that fails with ${errnoName} is counted as ${reason}`,
});

const write = test.macro<[errnoName: string, reason: string]>({
  exec: (t, errnoName: string, reason: string) => t.is(nameOf(tunWriteFailureReason(errnoName)), reason),
  title: (_, errnoName, reason) => `a write to the TUN device that fails with ${errnoName} is counted as ${reason}`,
});

test(send, 'EAGAIN', 'send-buffer-full');
test(send, 'ENOBUFS', 'send-buffer-full');
test(send, 'ENOMEM', 'send-buffer-full');
test(send, 'ENETUNREACH', 'underlay-unreachable');
test(send, 'EHOSTUNREACH', 'underlay-unreachable');
test(send, 'ENETDOWN', 'underlay-unreachable');
test(send, 'EADDRNOTAVAIL', 'underlay-unreachable');
test(send, 'EPERM', 'send-forbidden');
test(send, 'EACCES', 'send-forbidden');
test(send, 'EMSGSIZE', 'datagram-too-big');
test(send, 'EIO', 'send-failed');
test(send, 'EINVAL', 'send-failed');

test(relay, 'EAGAIN', 'relay-send-buffer-full');
test(relay, 'EHOSTUNREACH', 'relay-underlay-unreachable');
test(relay, 'EACCES', 'relay-send-forbidden');
test(relay, 'EMSGSIZE', 'relay-too-big');
test(relay, 'EAFNOSUPPORT', 'relay-send-failed');

test(write, 'EIO', 'tun-down');
test(write, 'EBADFD', 'tun-down');
test(write, 'ENOBUFS', 'tun-buffer-full');
test(write, 'EAGAIN', 'tun-buffer-full');
test(write, 'EINVAL', 'tun-rejected');
test(write, 'EFAULT', 'tun-write-failed');
