import test from 'ava';
import { readTraceLabel, renderTraceRules } from '../../../src/daemon/probes/trace-rules.ts';
import { parseIpAddress } from '../../../src/wire/address.ts';

const packet = { sourcePort: 0, destinationPort: 0, sizeBytes: 84, mark: 0x12_34 };
const ends = { source: parseIpAddress('10.244.1.2')!, destination: parseIpAddress('10.244.2.2')! };

test('an echo is known by its identifier and number, inside and outside of VXLAN', (t) => {
  const rules = renderTraceRules([{ id: 7, traced: { ...packet, ...ends, protocol: 1 }, count: 1 }]);
  t.true(
    rules.includes(
      'ip saddr 10.244.1.2 ip daddr 10.244.2.2 icmp type echo-request icmp id 4660 icmp sequence 1 goto t7-inner-probe-1',
    ),
  );
  t.true(rules.includes('ip saddr 10.244.2.2 ip daddr 10.244.1.2 icmp type echo-reply'));
  // UDP and VXLAN 8 bytes each, Ethernet 14: the inner source address is 12 bytes behind that.
  t.true(
    rules.includes('meta l4proto udp @th,336,32 0x0af40102 @th,368,32 0x0af40202 @th,432,16 0x1234 @th,448,16 0x0001'),
  );
});

test('with ports, the number is in the source port, and the answer goes to it', (t) => {
  const traced = { ...packet, ...ends, protocol: 6, destinationPort: 80, mark: 0x80_00 };
  const rules = renderTraceRules([{ id: 7, traced, count: 2 }]);
  t.true(rules.includes('tcp sport 32770 tcp dport 80 tcp flags & (syn | ack) == syn goto t7-inner-probe-2'));
  t.true(rules.includes('tcp dport 32770 tcp sport 80 goto t7-inner-answer-2'));
  t.true(rules.includes('@th,416,16 0x8002 goto t7-outer-answer-2'));
  // Not the RST with which the source's kernel answers the answer.
  t.true(rules.includes('@th,400,16 0x8002 @th,504,8 & 0x12 == 0x02 goto t7-outer-probe-2'));
});

test('IPv6 has its own offsets', (t) => {
  const traced = {
    ...packet,
    source: parseIpAddress('fd00::1')!,
    destination: parseIpAddress('fd00::2')!,
    protocol: 58,
  };
  const rules = renderTraceRules([{ id: 7, traced, count: 1 }]);
  t.true(rules.includes('ip6 saddr fd00::1 ip6 daddr fd00::2 icmpv6 type echo-request icmpv6 id 4660'));
  t.true(
    rules.includes(
      '@th,304,128 0xfd000000000000000000000000000001 @th,432,128 0xfd000000000000000000000000000002 @th,592,16',
    ),
  );
});

test('a chain says what packet it is about, and other names say nothing', (t) => {
  t.deepEqual(readTraceLabel('t7-outer-answer-12'), { id: 7, layer: 'outer', role: 'answer', number: 12 });
  t.is(readTraceLabel('prerouting'), undefined);
  t.is(readTraceLabel('t7-outer-answer-12-x'), undefined);
});
