import test from 'ava';
import { hostDeviceName, isHostDeviceName, macOfPod } from '../../../src/daemon/host/pod-devices.ts';

test('device names fit the kernel, and are always the same for the same pod', (t) => {
  const name = hostDeviceName('default', 'web', new Set());
  t.true(isHostDeviceName(name));
  t.is(name, hostDeviceName('default', 'web', new Set()));
  t.not(name, hostDeviceName('other', 'web', new Set()));
});

test('a device name that another pod has is not used twice', (t) => {
  const first = hostDeviceName('default', 'web', new Set());
  t.not(hostDeviceName('default', 'web', new Set([first])), first);
});

test('MAC addresses are unicast, locally administered, and differ at both ends', (t) => {
  const mac = macOfPod('default', 'web', 'pod');
  t.regex(mac, /^02(:[0-9a-f]{2}){5}$/);
  t.not(mac, macOfPod('default', 'web', 'node'));
});
