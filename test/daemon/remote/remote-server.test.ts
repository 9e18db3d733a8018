import test from 'ava';
import type { Conversation, Said } from '../../../src/daemon/remote/conversation.ts';
import { RemoteServer } from '../../../src/daemon/remote/remote-server.ts';
import { WeftError } from '../../../src/errors.ts';
import { identityOf } from '../../support/announcements.ts';
import { silentLogger } from '../../support/silent-logger.ts';

const times = { questionMs: 10_000, answerMs: 10_000, readMs: 20 };

for (const question of ['who', 'unheard-of']) {
  test(`a node that does not read what it is told about "${question}" does not keep its place`, async (t) => {
    const server = new RemoteServer(() => 'n2', silentLogger, times);
    server.answer('who', () => 'n1');
    const closed = Promise.withResolvers<boolean>();
    const asked: Said = { kind: 'message', value: { question, body: null, more: true }, isLast: false };
    const conversation = {
      peer: identityOf(2),
      hear: async () => await Promise.resolve(asked),
      say: async () => await closed.promise,
      close: () => closed.resolve(false),
      end: () => undefined,
    };
    const conversing = server.converse(conversation as unknown as Conversation);
    t.is(server.counters.active, 1);
    await conversing;
    t.is(server.counters.active, 0);
    t.is(server.counters.answered, 0);
  });
}

test('what is refused is counted by code, but not by ever more of them', async (t) => {
  const server = new RemoteServer(() => 'n2', silentLogger);
  server.answer('chosen', (body) => {
    throw new WeftError(`code-${body as number}`, 'as somebody chose');
  });
  for (let body = 0; body < 200; body++) {
    const value = { question: 'chosen', body: body % 150, more: false };
    const conversation = {
      peer: identityOf(2),
      hear: async () => await Promise.resolve({ kind: 'message', value, isLast: true }),
      say: async () => await Promise.resolve(true),
      close: () => undefined,
      end: () => undefined,
    };
    await server.converse(conversation as unknown as Conversation);
  }
  const { refused } = server.counters;
  t.is(refused.size, 101);
  t.is(refused.get('code-0'), 2);
  t.is(refused.get('other'), 50);
});
