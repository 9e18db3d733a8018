import test from 'ava';
import { ipLookups, parseIpAnswers } from '../../src/linux/ip-lookups.ts';
import { readNamespaceFiles } from '../../src/linux/namespace-parameters.ts';
import { lookUpPassage, transportOf } from '../../src/linux/passage-lookup.ts';
import { parseIpAddress } from '../../src/wire/address.ts';

test('each question has its own answer, or why the kernel refused it', (t) => {
  const stderr =
    'RTNETLINK answers: No route to host\nCommand failed -:2\nDevice "eth9" does not exist.\nCommand failed -:3\n';
  t.deepEqual(parseIpAnswers(4, '[{"dev":"eth0"}]\n[]\n', stderr), [
    { rows: [{ dev: 'eth0' }] },
    { error: 'No route to host' },
    { error: 'Device "eth9" does not exist.' },
    { rows: [] },
  ]);
});

test('answers that do not fit the questions are none', (t) => {
  t.is(parseIpAnswers(2, '[]\n', ''), undefined);
  t.is(parseIpAnswers(1, '[{\n', ''), undefined);
});

test('protocols are asked for by number, which needs no /etc/protocols', (t) => {
  const ports = { sourcePort: 40_000, destinationPort: 80 };
  t.is(transportOf({ protocol: 1, ...ports }), ' ipproto 1');
  t.is(transportOf({ protocol: 6, ...ports }), ' ipproto 6 sport 40000 dport 80');
  t.is(transportOf({ protocol: 17, sourcePort: 0, destinationPort: 53 }), ' ipproto 17 dport 53');
  t.is(transportOf({ protocol: 58, ...ports }), ' ipproto 58');
  t.is(transportOf({ protocol: 132, ...ports }), '');
});

test('the kernel is asked many things at once', async (t) => {
  const lines = ['link show dev lo', 'link show dev nothere0', 'rule show'];
  const [lo, missing, rules] = await ipLookups({ family: 4, lines, purpose: 'test' });
  t.like(lo, { rows: [{ ifname: 'lo' }] });
  t.true('error' in missing!);
  t.true('rows' in rules! && rules.rows.length > 0);
});

test('files of a namespace are read, and what is not there is left out', async (t) => {
  const names = ['sys/net/ipv4/ip_forward', 'sys/net/ipv4/nothing'];
  const own = await readNamespaceFiles(names, undefined);
  t.deepEqual(Object.keys(own), ['sys/net/ipv4/ip_forward']);
  t.regex(own['sys/net/ipv4/ip_forward']!, /^[01]$/);
});

test('what a machine sends to itself is found to be its own', async (t) => {
  const address = parseIpAddress('127.0.0.1')!;
  const packet = { source: address, destination: address, protocol: 1, sourcePort: 0, destinationPort: 0 };
  const facts = await lookUpPassage(packet);
  t.like(facts, { hasAddress: true, entry: undefined, route: { type: 'local', device: 'lo' } });
  t.true(facts.rules.some(({ words }) => words === '32766: from all lookup main'));
});
