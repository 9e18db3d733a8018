import test from 'ava';
import type { DecodedPacket } from 'dns-packet';
import { type DnsQuery, parseQuery } from '../../../src/daemon/names/dns-message.ts';
import { Forwarder, type ForwardResult } from '../../../src/daemon/names/forwarder.ts';
import type { NameServerAddress } from '../../../src/names/resolver-configuration.ts';
import { dnsQuestion, readDns } from '../../support/dns-messages.ts';
import { fakeResolver } from '../../support/fake-resolver.ts';

function queryOf(name: string): DnsQuery {
  const received = parseQuery(dnsQuestion(name, 'A'));
  if (received.kind !== 'query') throw new Error(`${name} is no question`);
  return received.query;
}

function rig(...servers: readonly NameServerAddress[]) {
  const forwarder = new Forwarder({ servers: () => servers, mostSockets: 12, nowMs: () => performance.now() });
  const ask = async (name = 'www.example.com', { whole = false, asker = 'wf1' } = {}): Promise<ForwardResult> =>
    await new Promise((resolve) => forwarder.ask(queryOf(name), asker, whole, resolve));
  return { forwarder, ask };
}

/** `NOERROR 192.0.2.1`, of what a forwarder gave. */
function words(result: ForwardResult): string {
  if (result.kind !== 'answer') return result.kind;
  const { rcode, answers = [] } = readDns(result.bytes);
  return [
    rcode,
    ...answers.map((record) => ('data' in record ? JSON.stringify(record.data).replaceAll('"', '') : record.type)),
  ].join(' ');
}

const address = ({ questions }: DecodedPacket, data = '192.0.2.1') => ({
  answers: [{ type: 'A' as const, name: questions![0]!.name, ttl: 60, data }],
});

test('an answer comes back as the resolver gave it, with a CNAME that it found on its way', async (t) => {
  await using resolver = await fakeResolver(() => ({
    answers: [
      { type: 'CNAME', name: 'www.example.com', ttl: 60, data: 'web.example.net' },
      { type: 'A', name: 'web.example.net', ttl: 60, data: '192.0.2.1' },
    ],
  }));
  t.is(words(await rig(resolver.server).ask()), 'NOERROR web.example.net 192.0.2.1');
});

test('each question has an id and a port of its own', async (t) => {
  await using resolver = await fakeResolver((question) => address(question));
  const { ask } = rig(resolver.server);
  for (let at = 0; at < 8; at++) await ask();
  // Of eight random numbers of 16 bits two are the same once in two thousand times; of both kinds, hardly ever.
  const pairs = new Set(resolver.asked.map(({ id, port }) => `${id} ${port}`));
  t.is(pairs.size, 8);
  t.true(new Set(resolver.asked.map(({ port }) => port)).size > 4);
  t.true(new Set(resolver.asked.map(({ id }) => id)).size > 4);
});

test('what does not answer the question is passed over, and the answer after it counts', async (t) => {
  await using liar = await fakeResolver((question) => ({ ...address(question), id: question.id! ^ 1 }));
  await using other = await fakeResolver((question) => ({
    ...address(question),
    questions: [{ name: 'www.example.org', type: 'A' }],
  }));
  await using right = await fakeResolver((question) => address(question, '192.0.2.7'));
  t.is(words(await rig(liar.server, right.server).ask()), 'NOERROR 192.0.2.7');
  t.is(words(await rig(other.server, right.server).ask()), 'NOERROR 192.0.2.7');
});

test('a server that is silent is followed by the next one, and is asked behind it from then on', async (t) => {
  await using silent = await fakeResolver(() => 'nothing');
  await using right = await fakeResolver((question) => address(question));
  const { ask } = rig(silent.server, right.server);
  t.is(words(await ask()), 'NOERROR 192.0.2.1');
  t.is(words(await ask()), 'NOERROR 192.0.2.1');
  t.is(silent.asked.length, 1);
  t.is(right.asked.length, 2);
});

test('a server that is not there is followed at once', async (t) => {
  const closed = await fakeResolver(() => 'nothing');
  await closed[Symbol.asyncDispose]();
  await using right = await fakeResolver((question) => address(question));
  t.is(words(await rig(closed.server, right.server).ask()), 'NOERROR 192.0.2.1');
  t.is(words(await rig(closed.server).ask()), 'unanswered');
});

test('a server that failed counts if no other does better', async (t) => {
  await using failing = await fakeResolver(() => ({ flags: 2 }));
  await using right = await fakeResolver((question) => address(question));
  t.is(words(await rig(failing.server, right.server).ask()), 'NOERROR 192.0.2.1');
  t.is(words(await rig(failing.server).ask()), 'SERVFAIL');
  t.is(failing.asked.length, 2);
});

test('that there is no such name is an answer', async (t) => {
  await using resolver = await fakeResolver(() => ({ flags: 3 }));
  await using other = await fakeResolver((question) => address(question));
  t.is(words(await rig(resolver.server, other.server).ask()), 'NXDOMAIN');
  t.is(other.asked.length, 0);
});

test('an answer that was cut is had whole over TCP by a client that takes it, and left as it is for others', async (t) => {
  await using resolver = await fakeResolver((question, transport) =>
    transport === 'udp' ? { flags: 0x0200 } : address(question),
  );
  const { ask } = rig(resolver.server);
  t.is(words(await ask('www.example.com', { whole: true })), 'NOERROR 192.0.2.1');
  t.deepEqual(
    resolver.asked.map(({ transport }) => transport),
    ['udp', 'tcp'],
  );
  const cut = await ask();
  t.true(cut.kind === 'answer' && readDns(cut.bytes).flag_tc);
});

test('without a resolver, nothing is asked', async (t) => {
  t.deepEqual(await rig().ask(), { kind: 'no-resolver' });
});

test('one that asks a silent resolver again and again is turned away, and another is not', async (t) => {
  await using silent = await fakeResolver(() => 'nothing');
  const { forwarder, ask } = rig(silent.server);
  const first = Array.from({ length: 10 }, async () => await ask('www.example.com', { asker: 'flood' }));
  // Of six at a time, it stops where half as many as are free are its own.
  t.is(forwarder.outstanding, 2);
  t.is((await Promise.race(first)).kind, 'busy');
  void ask('www.example.com', { asker: 'other' });
  t.is(forwarder.outstanding, 3);
  forwarder.close();
  t.is(forwarder.outstanding, 0);
});
