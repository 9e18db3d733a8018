import test from 'ava';
import { NameCounters } from '../../../src/daemon/names/name-counters.ts';
import { NameService, type SettledNames, type Transport } from '../../../src/daemon/names/name-service.ts';
import type { ForwardResult } from '../../../src/daemon/names/forwarder.ts';
import { NameTable } from '../../../src/names/name-table.ts';
import { NameZone } from '../../../src/names/name-zone.ts';
import { MAX_SERVICE_ADDRESSES } from '../../../src/names/service-names.ts';
import { QuestionRates } from '../../../src/names/question-rates.ts';
import { parseIpAddress } from '../../../src/wire/address.ts';
import { prefix } from '../../support/announcements.ts';
import { dnsEdns, dnsQuestion, readDns } from '../../support/dns-messages.ts';
import { bytes as hex } from '../../support/bytes.ts';

const domain = ['weft', 'internal'];

/** A service with one pod, and one with many addresses. Others' names are answered by `forwarded`. */
function rig(
  forwarded: ForwardResult = { kind: 'no-resolver' },
  settled: readonly SettledNames[] = ['pods', 'services'],
) {
  const table = new NameTable(domain);
  const many = Array.from({ length: 60 }, (_, at) => parseIpAddress(`10.244.1.${at + 100}`)!);
  table.set('aa', {
    name: 'n1',
    addresses: [parseIpAddress('10.244.1.1')!],
    pods: [
      { name: 'web', namespace: 'default', addresses: [parseIpAddress('10.244.1.2')!, parseIpAddress('fd00::2')!] },
      { name: 'many', namespace: 'default', addresses: many },
    ],
  });
  const counters = new NameCounters();
  const asked: { readonly asker: string; readonly whole: boolean }[] = [];
  const service = new NameService({
    zone: new NameZone({ domain, reversePrefixes: [prefix('10.244.0.0/16')], nodeName: 'n1' }),
    table,
    forwarder: {
      ask: (_query, asker, whole, done) => {
        asked.push({ asker, whole });
        done(forwarded);
      },
    },
    rates: new QuestionRates({ perSecond: 1, burst: 5, mostAskers: 10 }),
    counters,
    isSettled: (kind) => settled.includes(kind),
    isOfServices: (labels) => labels.includes('svc'),
    ttlSeconds: 5,
    nowMs: () => 0,
  });
  const handle = (question: Uint8Array, transport: Transport = 'udp', asker: string | undefined = 'wf1') => {
    let reply: Uint8Array | undefined;
    service.handle(question, asker, transport, (answer) => (reply = answer));
    return reply;
  };
  /** What was counted and is not zero. */
  const counted = (): Readonly<Record<string, number>> => {
    const { questions, ...others } = counters.read();
    return Object.fromEntries(Object.entries({ ...questions, ...others }).filter(([, number]) => number > 0));
  };
  return { service, table, handle, counted, asked };
}

test('the answer to a question of dig, octet by octet', (t) => {
  // Of BIND 9.18: dig @127.0.0.1 -p 5399 +norec WeB.weft.internal, with a cookie (RFC 7873).
  const name = '03 576542 04 77656674 08 696e7465726e616c 00';
  const cookie = '000a 0008 f5d9003ef555aee0';
  const question = hex(`cf3e 0020 0001 0000 0000 0001 ${name} 0001 0001 00 0029 04d0 00 00 0000 000c ${cookie}`);
  const expected = hex(
    `cf3e 8480 0001 0001 0000 0001 ${name} 0001 0001 ${name} 0001 0001 00000005 0004 0af40102 00 0029 04d0 00 00 0000 0000`,
  );
  t.deepEqual(rig().handle(question), new Uint8Array(expected));
});

test('a reverse question of dig is answered', (t) => {
  // dig +nocookie -x 10.244.1.2
  const name = '01 32 01 31 03 323434 02 3130 07 696e2d61646472 04 61727061 00';
  const question = hex(`c2f0 0120 0001 0000 0000 0001 ${name} 000c 0001 00 0029 04d0 00 00 0000 0000`);
  const [answer] = readDns(rig().handle(question)!).answers!;
  t.like(answer, { type: 'PTR', name: '2.1.244.10.in-addr.arpa', data: 'web.default.weft.internal', ttl: 5 });
});

test('a name that nobody has is denied with the SOA of its zone, which says for how long', (t) => {
  const { handle, counted } = rig();
  const reply = readDns(handle(dnsQuestion('nix.weft.internal', 'A'))!);
  t.is(reply.rcode, 'NXDOMAIN');
  t.true(reply.flag_aa);
  t.true(reply.flag_ra);
  const [soa] = reply.authorities!;
  t.is(soa?.type, 'SOA');
  t.is(soa?.name, 'weft.internal');
  t.like(soa, { ttl: 5, data: { mname: 'n1.node.weft.internal', minimum: 5, serial: 1 } });
  t.deepEqual(counted(), { 'no-name': 1 });
});

test('a name without what was asked for exists, and so is no NXDOMAIN', (t) => {
  const { handle, counted } = rig();
  const reply = readDns(handle(dnsQuestion('web.weft.internal', 'TXT'))!);
  t.is(reply.rcode, 'NOERROR');
  t.deepEqual(reply.answers, []);
  t.is(reply.authorities?.[0]?.type, 'SOA');
  t.deepEqual(counted(), { 'no-data': 1 });
});

test('without EDNS, an answer of more than 512 bytes is cut; with it, or over TCP, it is not', (t) => {
  const { handle, counted } = rig();
  const plain = handle(dnsQuestion('many.weft.internal', 'A'))!;
  t.true(readDns(plain).flag_tc);
  t.deepEqual(readDns(plain).answers, []);
  t.true(plain.length <= 512);
  const small = handle(dnsQuestion('many.weft.internal', 'A', { additionals: dnsEdns(100) }))!;
  t.true(small.length <= 512);
  // More than 1232 bytes are never sent in one datagram, whatever the client takes.
  t.true(readDns(handle(dnsQuestion('many.weft.internal', 'A', { additionals: dnsEdns(4_096) }))!).flag_tc);
  const whole = readDns(handle(dnsQuestion('many.weft.internal', 'A'), 'tcp')!);
  t.false(whole.flag_tc);
  t.is(whole.answers?.length, 60);
  t.deepEqual(counted(), { answered: 4, truncated: 3, overTcp: 1 });
});

test('all addresses that a service may have fit into an answer over TCP', (t) => {
  const { table, handle } = rig();
  const [name, namespace] = ['a'.repeat(63), 'b'.repeat(63)];
  const addresses = Array.from({ length: MAX_SERVICE_ADDRESSES }, (_, at) => parseIpAddress(`fd00::${at + 1}`)!);
  table.setService({ namespace, name, addresses, isHeadless: true });
  const reply = readDns(handle(dnsQuestion(`${name}.${namespace}.svc.weft.internal`, 'AAAA'), 'tcp')!);
  t.false(reply.flag_tc);
  t.is(reply.answers?.length, MAX_SERVICE_ADDRESSES);
});

test('EDNS is answered with EDNS, and a later version of it with BADVERS', (t) => {
  const { handle, counted } = rig();
  t.is(readDns(handle(dnsQuestion('web.weft.internal', 'A'))!).additionals?.length, 0);
  const edns = readDns(handle(dnsQuestion('web.weft.internal', 'A', { additionals: dnsEdns(1_400) }))!).additionals!;
  t.like(edns[0], { type: 'OPT', udpPayloadSize: 1_232, ednsVersion: 0, extendedRcode: 0 });
  const later = readDns(handle(dnsQuestion('web.weft.internal', 'A', { additionals: dnsEdns(1_400, 1) }))!);
  t.is(later.rcode, 'NOERROR');
  t.like(later.additionals![0], { type: 'OPT', extendedRcode: 1, ednsVersion: 0 });
  t.deepEqual(later.answers, []);
  t.deepEqual(counted(), { answered: 2, malformed: 1 });
});

const refuses = test.macro({
  exec: (t, change: (question: Uint8Array) => Uint8Array, rcode: string | undefined) => {
    const { handle, asked } = rig();
    const reply = handle(change(Uint8Array.from(dnsQuestion('web.weft.internal', 'A'))));
    t.is(reply && readDns(reply).rcode, rcode);
    t.is(reply && (reply[0]! << 8) + reply[1]!, rcode === undefined ? undefined : 0x1234);
    t.deepEqual(asked, []);
  },
  title: (what) => `${what}`,
});

/** The question with some octets changed. */
function withOctets(at: number, ...octets: readonly number[]) {
  return (question: Uint8Array): Uint8Array => {
    question.set(octets, at);
    return question;
  };
}

test('an answer is not answered', refuses, withOctets(2, 0x81), undefined);
test('what is no header is not answered', refuses, (question: Uint8Array) => question.subarray(0, 11), undefined);
test('nothing is not answered', refuses, () => new Uint8Array(0), undefined);
test('a notification is not implemented', refuses, withOctets(2, 0x20), 'NOTIMP');
test('an update is not implemented', refuses, withOctets(2, 0x28), 'NOTIMP');
test('no question is an error', refuses, withOctets(5, 0), 'FORMERR');
test('two questions are an error', refuses, withOctets(5, 2), 'FORMERR');
test('a question with answers is an error', refuses, withOctets(7, 1), 'FORMERR');
test('a question with 65535 more records is an error', refuses, withOctets(10, 0xff, 0xff), 'FORMERR');
test('more records than there are bytes are an error', refuses, withOctets(11, 2), 'FORMERR');
test('a question that ends early is an error', refuses, (question: Uint8Array) => question.subarray(0, 30), 'FORMERR');
test('a label that ends early is an error', refuses, withOctets(12, 63), 'FORMERR');
test('a pointer in a question is an error', refuses, withOctets(12, 0xc0, 12), 'FORMERR');
test('a label of another kind is an error', refuses, withOctets(12, 0x40), 'FORMERR');
test('another class is refused', refuses, withOctets(33, 0, 3), 'REFUSED');
test('a transfer of the zone is refused', refuses, withOctets(31, 0, 252), 'REFUSED');

test('a question of more than 4 KiB is an error, whatever it says', (t) => {
  const question = new Uint8Array(5_000);
  question.set(dnsQuestion('web.weft.internal', 'A'));
  t.is(readDns(rig().handle(question, 'tcp')!).rcode, 'FORMERR');
});

test('EDNS twice, or of a name, is an error', (t) => {
  const [one] = dnsEdns(512)!;
  t.is(readDns(rig().handle(dnsQuestion('web.weft.internal', 'A', { additionals: [one!, one!] }))!).rcode, 'FORMERR');
  const named = Uint8Array.from(dnsQuestion('web.weft.internal', 'A', { additionals: [one!] }));
  const at = named.length - 11;
  const moved = Uint8Array.of(...named.subarray(0, at), 1, 0x78, ...named.subarray(at));
  t.is(readDns(rig().handle(moved)!).rcode, 'FORMERR');
});

test('a name with octets that are no text is denied as it was asked', (t) => {
  const name = '02 ff00 04 77656674 08 696e7465726e616c 00 0001 0001';
  const reply = rig().handle(hex(`1234 0100 0001 0000 0000 0000 ${name}`))!;
  t.is(readDns(reply).rcode, 'NXDOMAIN');
  t.deepEqual(reply.slice(12, 12 + 22), new Uint8Array(hex(name)));
});

test('a stranger gets no answer, and neither does who asks too often', (t) => {
  const { service, handle, counted } = rig();
  let isAnswered = false;
  service.handle(
    dnsQuestion('web.weft.internal', 'A'),
    undefined,
    'udp',
    (reply) => (isAnswered = reply !== undefined),
  );
  t.false(isAnswered);
  const replies = Array.from({ length: 7 }, () => handle(dnsQuestion('web.weft.internal', 'A')));
  t.is(replies.filter((reply) => reply !== undefined).length, 5);
  t.not(handle(dnsQuestion('web.weft.internal', 'A'), 'udp', 'wf2'), undefined);
  t.deepEqual(counted(), { stranger: 1, 'rate-limited': 2, answered: 6 });
});

test('names of the cluster never go to the resolver, and others do, in the name of who asked', (t) => {
  const { handle, asked, counted } = rig({ kind: 'unanswered' });
  handle(dnsQuestion('nix.weft.internal', 'A'));
  handle(dnsQuestion('9.9.244.10.in-addr.arpa', 'PTR'));
  t.deepEqual(asked, []);
  t.is(readDns(handle(dnsQuestion('www.example.com', 'A'))!).rcode, 'SERVFAIL');
  handle(dnsQuestion('www.example.com', 'A'), 'tcp', 'wf2');
  t.deepEqual(asked, [
    { asker: 'wf1', whole: false },
    { asker: 'wf2', whole: true },
  ]);
  t.deepEqual(counted(), { 'no-name': 2, unanswered: 2, overTcp: 1 });
});

test('without a resolver, or when it is overrun, the client is told at once, and it is counted which', (t) => {
  for (const kind of ['no-resolver', 'busy'] as const) {
    const { handle, counted } = rig({ kind });
    t.is(readDns(handle(dnsQuestion('www.example.com', 'A'))!).rcode, 'SERVFAIL');
    t.deepEqual(counted(), { [kind]: 1 });
  }
});

test('as long as services are not known, their names alone are not denied', (t) => {
  const { handle, counted } = rig(undefined, ['pods']);
  t.is(readDns(handle(dnsQuestion('nix.weft.internal', 'A'))!).rcode, 'NXDOMAIN');
  t.is(readDns(handle(dnsQuestion('web.shop.svc.weft.internal', 'A'))!).rcode, 'SERVFAIL');
  t.deepEqual(counted(), { 'not-yet': 1, 'no-name': 1 });
});

test('as long as not all names are known, none is denied, and those that are known are answered', (t) => {
  const { handle, counted } = rig(undefined, []);
  t.is(readDns(handle(dnsQuestion('nix.weft.internal', 'A'))!).rcode, 'SERVFAIL');
  t.is(readDns(handle(dnsQuestion('9.9.244.10.in-addr.arpa', 'PTR'))!).rcode, 'SERVFAIL');
  t.is(readDns(handle(dnsQuestion('web.weft.internal', 'A'))!).answers?.length, 1);
  t.is(readDns(handle(dnsQuestion('web.weft.internal', 'MX'))!).rcode, 'NOERROR');
  t.deepEqual(counted(), { 'not-yet': 2, answered: 1, 'no-data': 1 });
});
