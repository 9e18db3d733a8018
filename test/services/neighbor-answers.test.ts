import test from 'ava';
import { announcementOf, hear, probeOf } from '../../src/services/neighbor-answers.ts';
import { formatIpAddress, parseIpAddress, parseMacAddress } from '../../src/wire/address.ts';
import { ArpOperation, arpFrame, readArp } from '../../src/wire/arp.ts';
import { ETHERNET_HEADER_LENGTH } from '../../src/wire/ethernet.ts';
import { readNeighborFrame, solicitationFrame } from '../../src/wire/neighbor-discovery.ts';

const mac = parseMacAddress('02:00:00:00:00:01')!;
const other = parseMacAddress('02:00:00:00:00:02')!;
const broadcast = new Uint8Array(6).fill(0xff);
const [own4, own6, client] = ['192.0.2.10', '2001:db8::10', '192.0.2.1'].map((text) => parseIpAddress(text)!);
const has = (text: string): boolean => ['192.0.2.10', '2001:db8::10'].includes(text);

const request = (senderMac = other, sender = client!, target = own4!) =>
  arpFrame({ operation: ArpOperation.request, senderMac, sender, targetMac: new Uint8Array(6), target }, broadcast);

test('who asks by ARP is answered, and nobody else', (t) => {
  const heard = hear(request(), mac, has);
  if (heard?.kind !== 'asked') throw new Error('it is not answered');
  const answer = readArp(heard.answer, ETHERNET_HEADER_LENGTH)!;
  t.is(answer.operation, ArpOperation.reply);
  t.deepEqual([answer.senderMac, answer.targetMac], [mac, other]);
  t.deepEqual([answer.sender, answer.target].map(formatIpAddress), ['192.0.2.10', '192.0.2.1']);
  t.deepEqual(heard.answer.subarray(0, 6), other);
  t.is(hear(request(other, client, parseIpAddress('192.0.2.11')), mac, has), undefined);
  t.is(hear(request(mac), mac, has), undefined);
  t.is(hear(request().subarray(0, 40), mac, has), undefined);
});

test('what this node announces is heard as a contest by another that has the address, and a probe as a question', (t) => {
  for (const address of [own4!, own6!]) {
    const heard = hear(announcementOf(address, other), mac, has);
    t.like(heard, { kind: 'contested', by: other });
    t.is(hear(announcementOf(address, mac), mac, has), undefined);
    const probed = hear(probeOf(address, other), mac, has);
    if (probed?.kind !== 'asked') throw new Error('it is not answered');
    const answer = hear(probed.answer, other, has);
    t.like(answer, { kind: 'contested', by: mac });
  }
});

test('a solicitation is answered as RFC 4861 has it', (t) => {
  const frame = solicitationFrame(own6!, other);
  t.is(readNeighborFrame(frame)?.kind, 'solicitation');
  const heard = hear(frame, mac, has);
  if (heard?.kind !== 'asked') throw new Error('it is not answered');
  // Nobody has an address yet: to all nodes, not solicited.
  t.is(Buffer.from(heard.answer.subarray(0, 6)).toString('hex'), '333300000001');
  t.is(heard.answer[ETHERNET_HEADER_LENGTH + 44], 0x20);
  t.deepEqual([...heard.answer.subarray(-8)], [2, 1, ...mac]);
});

test('what came from another link, is damaged or cut is not heard', (t) => {
  const frame = solicitationFrame(own6!, other);
  const changed = (at: number, value: number): Uint8Array =>
    frame.map((octet, index) => (index === at ? value : octet));
  t.is(hear(changed(ETHERNET_HEADER_LENGTH + 7, 64), mac, has), undefined);
  t.is(hear(changed(frame.length - 1, 0xee), mac, has), undefined);
  for (let length = 0; length < frame.length; length++) t.is(hear(frame.subarray(0, length), mac, has), undefined);
});
