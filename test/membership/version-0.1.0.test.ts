/** Bytes of version 0.1.0 are read, and what is written today is read by version 0.1.0. */
import { readFileSync } from 'node:fs';
import test from 'ava';
import protobuf from 'protobufjs';
import { sealAnnouncement } from '../../src/membership/announcement-codec.ts';
import { encodeClaim, withAnnouncementAge } from '../../src/membership/claim-codec.ts';
import { appendNews, DatagramTag, encodeDatagram, parseDatagram } from '../../src/membership/codec.ts';
import { encodeDirective } from '../../src/membership/directive-codec.ts';
import { encodeExchange, parseExchange } from '../../src/membership/exchange-codec.ts';
import { identityToBytes } from '../../src/membership/identity.ts';
import {
  MAX_DATAGRAM_DIRECTIVES,
  MAX_DATAGRAM_POD_CHANGES,
  MAX_RULEBOOK_RUMOUR_BYTES,
  MAX_DIRECTIVES,
} from '../../src/membership/limits.ts';
import type { AgedDirective, Claim, Exchange } from '../../src/membership/message.ts';
import * as old from '../golden/gossip-0.1.0/membership.js';
import { announcementOf, identityOf } from '../support/announcements.ts';
import { goldenMessages } from '../support/golden-messages.ts';

const schema = protobuf.parse(
  readFileSync(new URL('../golden/gossip-0.1.0/membership.proto', import.meta.url), 'utf8'),
).root;

interface RawClaim {
  readonly identity: Uint8Array;
  readonly incarnation: number;
  readonly state: number;
  readonly announcement?: Uint8Array;
  readonly announcedAt: number;
  readonly ageSeconds: number;
}

/** What the schema of version 0.1.0 sees, made comparable. */
function seenBySchema(type: 'Datagram' | 'Exchange', message: Uint8Array): object {
  const raw = schema.lookupType(`weft.v1.${type}`).decode(message) as unknown as {
    readonly sender: Uint8Array;
    readonly claims: readonly RawClaim[];
  };
  const claims = raw.claims.map((claim) => ({
    identity: Buffer.from(claim.identity).toString('hex'),
    incarnation: claim.incarnation,
    state: ['', 'alive', 'suspect', 'dead', 'left'][claim.state],
    announcement: Buffer.from(claim.announcement ?? []).toString('hex'),
    announcedAt: claim.announcedAt === 0 ? claim.incarnation : claim.announcedAt,
    ageSeconds: claim.ageSeconds,
  }));
  return { sender: Buffer.from(raw.sender).toString('hex'), claims };
}

/** The same of what the present code reads. */
function seenByCode(parsed: { readonly sender: string; readonly claims: readonly Claim[] } | string): object {
  if (typeof parsed === 'string') return { refused: parsed };
  const claims = parsed.claims.map(({ identity, incarnation, state, sealed, announcedAt, ageSeconds }) => {
    const announcement = Buffer.from(sealed?.bytes ?? []).toString('hex');
    return { identity, incarnation, state, announcement, announcedAt, ageSeconds };
  });
  return { sender: parsed.sender, claims };
}

for (const [name, bytes] of goldenMessages('datagrams')) {
  test(`datagram ${name} is read`, (t) => {
    t.deepEqual(seenByCode(parseDatagram(bytes, 'default')), seenBySchema('Datagram', bytes));
  });
}

for (const [name, bytes] of goldenMessages('exchanges')) {
  test(`exchange ${name} is read`, (t) => {
    t.deepEqual(seenByCode(parseExchange(bytes, 'default')), seenBySchema('Exchange', bytes));
  });
}

/** The longest lists and all fields that version 0.1.0 does not know. */
const fullest = announcementOf(2, {
  capabilities: ['nack', 'relay'],
  keyIds: Array.from({ length: 8 }, (_, index) => `000000000000000${index}`),
  pathReports: Array.from({ length: 8 }, (_, index) => ({
    identity: identityOf(index + 10),
    lossPermille: 1_000,
    roundTripUs: 0xff_ff_ff_ff,
  })),
  podSummary: { version: 2 ** 48 - 1, digest: 'ffffffffffffffff', pods: 4_096 },
});
const claim: Claim = {
  identity: identityOf(2),
  incarnation: 9,
  state: 'suspect',
  sealed: sealAnnouncement(fullest),
  announcedAt: 7,
  ageSeconds: 3,
  announcementAgeMs: 70_000,
  accusers: [identityOf(3), identityOf(4), identityOf(5), identityOf(6)],
  slowness: 8,
};
const directive: AgedDirective = {
  directive: { subject: `forget/${identityOf(9)}`, version: 1, content: new Uint8Array(4) },
  ageSeconds: 60,
};
const probe = { sequence: 5, target: identityOf(3) };
const exchange: Exchange = { sender: identityOf(1), claims: [claim, claim], directives: [] };

const exchanges: readonly (readonly [string, Exchange])[] = [
  ['a digest', { ...exchange, digest: { buckets: new Uint8Array(2_048).fill(1), directives: new Uint8Array(8) } }],
  ['a difference', { ...exchange, difference: { buckets: [1, 2, 3], bucketCount: 256, directives: true } }],
  ['all directives', { ...exchange, directives: Array.from({ length: MAX_DIRECTIVES }, () => directive) }],
  ['a ping', { ...exchange, ping: probe }],
  ['an ack', { ...exchange, ack: probe }],
  ['a request for pods', { ...exchange, podRequest: new Uint8Array(10_000).fill(1) }],
  ['pods', { ...exchange, podAnswer: new Uint8Array(200_000).fill(1) }],
  ['a request for the rulebook', { ...exchange, rulebookRequest: new Uint8Array(200_000).fill(1) }],
  ['entries of the rulebook', { ...exchange, rulebookAnswer: new Uint8Array(200_000).fill(1) }],
];

for (const [name, made] of exchanges) {
  test(`version 0.1.0 reads the claims of an exchange with ${name}`, (t) => {
    const bytes = encodeExchange('default', made);
    t.deepEqual(seenBySchema('Exchange', bytes), seenByCode(made));
    t.like(old.parseExchange(bytes, 'default'), { sender: identityOf(1), claims: { length: 2 } });
  });
}

for (const kind of ['none', 'ping', 'indirect-ping', 'ack', 'nack'] as const) {
  test(`version 0.1.0 reads a datagram full of news whose body is ${kind}`, (t) => {
    const aged = withAnnouncementAge(encodeClaim(claim), 70_000);
    const news = [
      { tag: DatagramTag.claim, bytes: aged },
      ...Array.from({ length: MAX_DATAGRAM_DIRECTIVES }, () => ({
        tag: DatagramTag.directive,
        bytes: encodeDirective(directive),
      })),
      ...Array.from({ length: MAX_DATAGRAM_POD_CHANGES }, () => ({
        tag: DatagramTag.podChange,
        bytes: new Uint8Array(20).fill(1),
      })),
      { tag: DatagramTag.rulebookRumour, bytes: new Uint8Array(MAX_RULEBOOK_RUMOUR_BYTES).fill(1) },
    ];
    const head = encodeDatagram('default', identityOf(1), kind === 'none' ? { kind } : { kind, ...probe });
    const bytes = appendNews(head, news);
    t.deepEqual(seenBySchema('Datagram', bytes), seenByCode({ sender: identityOf(1), claims: [claim] }));
    t.like(old.parseDatagram(bytes, 'default'), {
      sender: identityOf(1),
      body: { kind: kind === 'nack' ? 'none' : kind },
      claims: { length: 1, 0: { state: 'suspect', incarnation: 9 } },
    });
  });
}

test('the present schema gives every field of 0.1.0 the number and the type that it had', (t) => {
  const present = protobuf.parse(
    readFileSync(new URL('../../proto/weft/v1/membership.proto', import.meta.url), 'utf8'),
  ).root;
  for (const type of schema.lookup('weft.v1') instanceof protobuf.Namespace
    ? (schema.lookup('weft.v1') as protobuf.Namespace).nestedArray
    : []) {
    if (!(type instanceof protobuf.Type)) continue;
    const now = present.lookupType(type.fullName);
    for (const field of type.fieldsArray) {
      t.like(
        now.fieldsById[field.id],
        { name: field.name, type: field.type, repeated: field.repeated },
        field.fullName,
      );
    }
  }
  t.deepEqual(present.lookupEnum('weft.v1.MemberState').values, schema.lookupEnum('weft.v1.MemberState').values);
});

test('an identity on the wire is what it was', (t) => {
  t.deepEqual(
    identityToBytes('00ff10203040506070809aa0b0c0d0e0'),
    Uint8Array.from(Buffer.from('00ff10203040506070809aa0b0c0d0e0', 'hex')),
  );
});
