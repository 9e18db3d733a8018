import test from 'ava';
import {
  appendClaims,
  claimCostBytes,
  encodeClaim,
  encodeDatagram,
  encodeExchange,
  parseDatagram,
  parseExchange,
} from '../../src/membership/codec.ts';
import { sealAnnouncement } from '../../src/membership/announcement-codec.ts';
import { MAX_DATAGRAM_BYTES, MAX_EXCHANGE_BYTES } from '../../src/membership/limits.ts';
import type { Claim, DatagramBody } from '../../src/membership/message.ts';
import { announcementOf, identityOf } from '../support/announcements.ts';
import { bytes } from '../support/bytes.ts';

const sealed = sealAnnouncement(announcementOf(2));
const fullClaim: Claim = {
  identity: identityOf(2),
  incarnation: 7,
  state: 'alive',
  sealed,
  announcedAt: 7,
  ageSeconds: 12,
};
const compactClaim: Claim = {
  identity: identityOf(3),
  incarnation: 0xff_ff_ff_fe,
  state: 'suspect',
  sealed: undefined,
  announcedAt: 0xff_ff_ff_fe,
  ageSeconds: 0,
};
const staleClaim: Claim = { ...fullClaim, state: 'dead', announcedAt: 5 };

const bodies: DatagramBody[] = [
  { kind: 'none' },
  { kind: 'ping', sequence: 0, target: identityOf(4) },
  { kind: 'indirect-ping', sequence: 1, target: identityOf(4) },
  { kind: 'ack', sequence: 0xff_ff_ff_ff, target: identityOf(4) },
];

for (const body of bodies) {
  test(`a datagram with body ${body.kind} comes back as it was`, (t) => {
    const head = encodeDatagram('default', identityOf(1), body);
    const claims = [fullClaim, compactClaim, staleClaim];
    const whole = appendClaims(head, claims.map(encodeClaim));
    t.deepEqual(parseDatagram(whole, 'default'), { sender: identityOf(1), body, claims });
    t.is(
      whole.length,
      claims.reduce((sum, claim) => sum + claimCostBytes(encodeClaim(claim).length), head.length),
    );
  });
}

test('an exchange comes back as it was', (t) => {
  const claims = Array.from({ length: 500 }, () => fullClaim);
  t.deepEqual(parseExchange(encodeExchange('default', identityOf(1), claims), 'default'), {
    sender: identityOf(1),
    claims,
  });
});

const golden = [
  '0a07 64656661756c74', // network
  '1210 00010001000100010001000100010001', // sender
  '1a14 0805 1210 00020002000200020002000200020002', // ping: sequence, target
  '3216 0a10 00030003000300030003000300030003 1001 1802', // claim: identity, incarnation, state
].join(' ');

test('a ping with one claim is these bytes', (t) => {
  const claim: Claim = { ...compactClaim, incarnation: 1, announcedAt: 1 };
  const body = { kind: 'ping', sequence: 5, target: identityOf(2) } as const;
  const head = encodeDatagram('default', identityOf(1), body);
  t.deepEqual(appendClaims(head, [encodeClaim(claim)]), bytes(golden));
  t.deepEqual(parseDatagram(bytes(golden), 'default'), { sender: identityOf(1), body, claims: [claim] });
});

const network = '0a07 64656661756c74';
const sender = '1210 00010001000100010001000100010001';
const identity = '0a10 00030003000300030003000300030003';

const refuses = test.macro({
  exec: (t, hex: string, reason: string) => {
    t.is(parseDatagram(bytes(hex), 'default'), reason as 'malformed');
  },
  title: (name, _hex: string, reason: string) => `${name} is refused as ${reason}`,
});

test('an empty datagram', refuses, '', 'network-other');
test('a datagram of another network', refuses, `0a05 6f74686572 ${sender}`, 'network-other');
test('a datagram without sender', refuses, network, 'sender-invalid');
test('a sender of 15 bytes', refuses, `${network} 120f 000100010001000100010001000100`, 'sender-invalid');
test('a sender of 17 bytes', refuses, `${network} 1211 0001000100010001000100010001000100`, 'limit-exceeded');
test('a ping without target', refuses, `${network} ${sender} 1a02 0805`, 'probe-invalid');
test('half a ping', refuses, `${network} ${sender} 1a13 0805`, 'malformed');
test('an empty claim', refuses, `${network} ${sender} 3200`, 'claim-invalid');
test('incarnation 0', refuses, `${network} ${sender} 3214 ${identity} 1801`, 'claim-invalid');
test(
  'the highest incarnation, which cannot be refuted',
  refuses,
  `${network} ${sender} 321a ${identity} 10ffffffff0f 1801`,
  'claim-invalid',
);
test('a claim without state', refuses, `${network} ${sender} 3214 ${identity} 1001`, 'claim-invalid');
test('state 5', refuses, `${network} ${sender} 3216 ${identity} 1001 1805`, 'claim-invalid');
test(
  'an announcement newer than its claim',
  refuses,
  `${network} ${sender} 3218 ${identity} 1001 1801 2802`,
  'claim-invalid',
);
test('an announcement that is none', refuses, `${network} ${sender} 3219 ${identity} 1001 1801 2201ff`, 'malformed');
test(
  'an announcement of nothing but a name',
  refuses,
  `${network} ${sender} 321b ${identity} 1001 1801 2203 0a0161`,
  'announcement-invalid',
);

test('a flood of empty claims is refused before any is decoded', (t) => {
  const head = bytes(`${network} ${sender}`);
  const flood = new Uint8Array(head.length + 2 * 20_001);
  flood.set(head);
  for (let at = head.length; at < flood.length; at += 2) flood[at] = 0x1a;
  t.is(parseExchange(flood, 'default'), 'limit-exceeded');
  t.is(parseExchange(flood.subarray(0, flood.length - 2), 'default'), 'claim-invalid');
});

test('messages longer than the limits are refused unseen', (t) => {
  t.is(parseDatagram(new Uint8Array(MAX_DATAGRAM_BYTES + 1), 'default'), 'too-long');
  t.is(parseExchange(new Uint8Array(MAX_EXCHANGE_BYTES + 1), 'default'), 'too-long');
});

test('what is kept of a datagram does not change with the buffer it came in', (t) => {
  const buffer = Uint8Array.from(
    appendClaims(encodeDatagram('default', identityOf(1), { kind: 'none' }), [encodeClaim(fullClaim)]),
  );
  const parsed = parseDatagram(buffer, 'default');
  buffer.fill(0xff);
  t.deepEqual(parsed, { sender: identityOf(1), body: { kind: 'none' }, claims: [fullClaim] });
});
