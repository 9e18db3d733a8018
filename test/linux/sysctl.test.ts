import test from 'ava';
import { ensureSysctl, readSysctl, sysctlTitle } from '../../src/linux/sysctl.ts';

test('a parameter is read without its line end', (t) => {
  t.is(readSysctl('kernel/ostype'), 'Linux');
});

test('a parameter that does not exist has no value, and cannot be set', (t) => {
  t.is(readSysctl('net/ipv4/conf/no-such-device/rp_filter'), undefined);
  t.is(ensureSysctl('net/ipv4/conf/no-such-device/rp_filter', '2'), 'missing');
});

test('a parameter that has its value is set, even if it may not be written', (t) => {
  t.is(ensureSysctl('kernel/ostype', 'Linux'), 'set');
});

test('a parameter that may not be written is denied, not thrown', (t) => {
  t.is(ensureSysctl('kernel/ostype', 'Plan 9'), 'denied');
});

test('people write parameters with dots', (t) => {
  t.is(sysctlTitle('net/ipv4/ip_forward'), 'net.ipv4.ip_forward');
});
