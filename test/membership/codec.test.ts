import test from 'ava';
import { sealAnnouncement } from '../../src/membership/announcement-codec.ts';
import { encodeClaim, fieldCostBytes, withAnnouncementAge } from '../../src/membership/claim-codec.ts';
import { appendNews, DatagramTag, encodeDatagram, parseDatagram } from '../../src/membership/codec.ts';
import { encodeDirective } from '../../src/membership/directive-codec.ts';
import { encodeExchange, parseExchange } from '../../src/membership/exchange-codec.ts';
import { MAX_DATAGRAM_BYTES, MAX_EXCHANGE_BYTES } from '../../src/membership/limits.ts';
import type { Claim, DatagramBody, Exchange } from '../../src/membership/message.ts';
import { announcementOf, identityOf } from '../support/announcements.ts';
import { bytes } from '../support/bytes.ts';
import { appendClaims } from '../support/appended-claims.ts';

const sealed = sealAnnouncement(announcementOf(2));
const fullClaim: Claim = {
  identity: identityOf(2),
  incarnation: 7,
  state: 'alive',
  sealed,
  announcedAt: 7,
  ageSeconds: 12,
  announcementAgeMs: 0,
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
  { kind: 'nack', sequence: 2, target: identityOf(4) },
];

for (const body of bodies) {
  test(`a datagram with body ${body.kind} comes back as it was`, (t) => {
    const head = encodeDatagram('default', identityOf(1), body);
    const claims = [fullClaim, compactClaim, staleClaim];
    const whole = appendClaims(head, claims.map(encodeClaim));
    t.deepEqual(parseDatagram(whole, 'default'), {
      sender: identityOf(1),
      body,
      claims,
      directives: [],
      podChanges: [],
    });
    t.is(
      whole.length,
      claims.reduce((sum, claim) => sum + fieldCostBytes(encodeClaim(claim).length), head.length),
    );
  });
}

const directive = { directive: { subject: 'key-primary', version: 3, content: bytes('00ff') }, ageSeconds: 5 };
const probe = { sequence: 9, target: identityOf(4) };

const exchanges: readonly (readonly [string, Partial<Exchange>])[] = [
  ['many claims', { claims: Array.from({ length: 500 }, () => fullClaim) }],
  ['claims with all that may be said', { claims: [{ ...staleClaim, announcementAgeMs: 0xff_ff_ff_ff, slowness: 3 }] }],
  ['accusers', { claims: [{ ...compactClaim, accusers: [identityOf(5), identityOf(6)] }] }],
  ['directives', { directives: Array.from({ length: 256 }, () => directive) }],
  ['a digest', { digest: { buckets: new Uint8Array(2_048).fill(7), directives: new Uint8Array(8) } }],
  ['a difference', { difference: { buckets: [0, 255], bucketCount: 256, directives: true } }],
  ['no difference', { difference: { buckets: [], bucketCount: 1, directives: false } }],
  ['a ping', { ping: probe }],
  ['an ack', { ack: probe }],
];

for (const [name, parts] of exchanges) {
  test(`an exchange with ${name} comes back as it was`, (t) => {
    const exchange: Exchange = { sender: identityOf(1), claims: [], directives: [], ...parts };
    t.deepEqual(parseExchange(encodeExchange('default', exchange), 'default'), exchange);
  });
}

test('a datagram with claims, their ages and directives comes back as it was', (t) => {
  const news = [
    { tag: DatagramTag.claim, bytes: withAnnouncementAge(encodeClaim(fullClaim), 123_456) },
    { tag: DatagramTag.directive, bytes: encodeDirective(directive) },
  ];
  t.deepEqual(parseDatagram(appendNews(encodeDatagram('default', identityOf(1), { kind: 'none' }), news), 'default'), {
    sender: identityOf(1),
    body: { kind: 'none' },
    claims: [{ ...fullClaim, announcementAgeMs: 123_456 }],
    directives: [directive],
    podChanges: [],
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
  t.deepEqual(parseDatagram(bytes(golden), 'default'), {
    sender: identityOf(1),
    body,
    claims: [claim],
    directives: [],
    podChanges: [],
  });
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

test('a directive without version', refuses, `${network} ${sender} 4203 0a0161`, 'directive-invalid');
test('a directive of version 2^32 - 1', refuses, `${network} ${sender} 4209 0a0161 10ffffffff0f`, 'directive-invalid');
test('a directive without subject', refuses, `${network} ${sender} 4202 1001`, 'directive-invalid');
test('a subject with a space', refuses, `${network} ${sender} 4206 0a022061 1001`, 'directive-invalid');

const digests = [
  ['without buckets', '220a 1208 0000000000000000'],
  ['of three buckets', `2224 0a18 ${'00'.repeat(24)} 1208 0000000000000000`],
  ['of half a bucket', '2210 0a04 00000000 1208 0000000000000000'],
  ['without directives', '220a 0a08 0000000000000000'],
] as const;

for (const [name, hex] of digests) {
  test(`a digest ${name} is refused`, (t) => {
    t.is(parseExchange(bytes(`${network} ${sender} ${hex}`), 'default'), 'digest-invalid');
  });
}

test('a difference of three buckets is refused', (t) => {
  t.is(parseExchange(bytes(`${network} ${sender} 2a02 1803`), 'default'), 'digest-invalid');
});

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
  t.deepEqual(parsed, {
    sender: identityOf(1),
    body: { kind: 'none' },
    claims: [fullClaim],
    directives: [],
    podChanges: [],
  });
});
