import test from 'ava';
import { answers, MAX_MESSAGE_BYTES, parseQuery, passedOn } from '../../src/daemon/names/dns-message.ts';
import { NameCounters } from '../../src/daemon/names/name-counters.ts';
import { NameService } from '../../src/daemon/names/name-service.ts';
import { NameTable } from '../../src/names/name-table.ts';
import { NameZone } from '../../src/names/name-zone.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';
import { parseIpAddress } from '../../src/wire/address.ts';
import { prefix } from '../support/announcements.ts';
import { dnsEdns, dnsQuestion, readDns } from '../support/dns-messages.ts';
import { mutated } from '../support/mutation.ts';

const seed = Number(process.env['SEED'] ?? 1);
const ROUNDS = 20_000;

const domain = ['weft', 'internal'];

function option(code: number, data: string) {
  return [{ ...dnsEdns(1_232)![0]!, options: [{ code, data: Buffer.from(data, 'hex') }] }] as ReturnType<
    typeof dnsEdns
  >;
}

const questions: readonly Uint8Array[] = [
  dnsQuestion('web.weft.internal', 'A'),
  dnsQuestion('nix.shop.weft.internal', 'AAAA', { additionals: dnsEdns(512) }),
  dnsQuestion('web.shop.svc.weft.internal', 'A'),
  dnsQuestion('2.1.244.10.in-addr.arpa', 'PTR', { additionals: dnsEdns(65_535) }),
  dnsQuestion(`${'a.'.repeat(100)}weft.internal`, 'A'),
  dnsQuestion('www.example.com', 'MX', { additionals: option(10, 'f5d9003ef555aee0') }),
  // Options that the codec looks into: a client's network, keep-alive, key tags.
  dnsQuestion('web.weft.internal', 'A', { additionals: option(8, '00011800c00002') }),
  dnsQuestion('web.weft.internal', 'A', { additionals: option(11, '0001') }),
  dnsQuestion('web.weft.internal', 'A', { additionals: option(14, '000100020003') }),
];

test(`no question, however broken, is answered by more than an answer (seed ${seed})`, (t) => {
  const random = new SeededRandom(seed);
  const table = new NameTable(domain);
  const web = { name: 'web', namespace: 'default', addresses: [parseIpAddress('10.244.1.2')!] };
  table.set('aa', { name: 'n1', addresses: [], pods: [web] });
  table.setService({ ...web, namespace: 'shop', isHeadless: false });
  const service = new NameService({
    zone: new NameZone({ domain, reversePrefixes: [prefix('10.244.0.0/16')], nodeName: 'n1' }),
    table,
    forwarder: { ask: (_query, _asker, _whole, done) => done({ kind: 'no-resolver' }) },
    rates: { allows: () => true },
    counters: new NameCounters(),
    isSettled: () => true,
    isOfServices: () => false,
    ttlSeconds: 5,
    nowMs: () => 0,
  });
  let answered = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const question = mutated(random, questions[round % questions.length]!);
    let replies = 0;
    service.handle(question, 'wf1', round % 2 === 0 ? 'udp' : 'tcp', (reply) => {
      replies++;
      if (reply === undefined) return;
      answered++;
      t.true(reply.length <= (round % 2 === 0 ? 1_232 : MAX_MESSAGE_BYTES));
      t.deepEqual(reply.subarray(0, 2), Uint8Array.from(question.subarray(0, 2)));
      t.true(readDns(reply).flag_qr);
    });
    t.is(replies, 1);
  }
  t.true(answered > ROUNDS / 2);
});

test(`no answer of a resolver, however broken, is taken for more than it is (seed ${seed})`, (t) => {
  const random = new SeededRandom(seed);
  const question = dnsQuestion('www.example.com', 'A');
  const received = parseQuery(question);
  if (received.kind !== 'query') throw new TypeError('a question is taken for none');
  const { query } = received;
  const answer = Uint8Array.from(question);
  answer[2] = 0x81;
  const long = new Uint8Array(2_000);
  long.set(answer);
  let taken = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const bytes = mutated(random, round % 2 === 0 ? answer : long);
    if (!answers(bytes, query, 0x1234)) continue;
    taken++;
    const passed = passedOn(bytes, query, 512);
    t.true(passed.length <= 512);
    t.deepEqual(passed.subarray(0, 2), Uint8Array.of(0x12, 0x34));
    const hasQuestion = passed[5] === 1;
    if (hasQuestion) t.deepEqual(passed.subarray(12, query.questionEnd), Uint8Array.from(question.subarray(12)));
  }
  t.true(taken > ROUNDS / 10);
});
