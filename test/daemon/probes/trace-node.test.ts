import test, { type ExecutionContext } from 'ava';
import type { CaptureWish } from '../../../src/daemon/capture/capture-slots.ts';
import type { RemoteAnswerer } from '../../../src/daemon/remote/remote-nodes.ts';
import {
  TraceNode,
  type TraceNodeOptions,
  TraceQuestion,
  type ToldTrace,
} from '../../../src/daemon/probes/trace-node.ts';
import { ConfigError } from '../../../src/errors.ts';
import { identityOf, prefix } from '../../support/announcements.ts';

const caller = { name: 'n1', identity: identityOf(1) };

/** What n2, which has 10.244.2.0/24, answers. */
function answersOfN2(t: ExecutionContext, wishes: CaptureWish[] = []): ReadonlyMap<string, RemoteAnswerer> {
  const answers = new Map<string, RemoteAnswerer>();
  const routes = [
    { prefix: prefix('10.244.2.0/24'), owner: { kind: 'local', name: 'n2' } },
    { prefix: prefix('10.244.3.0/24'), owner: { kind: 'gossip', name: 'n3', identity: identityOf(3) } },
  ];
  const options = {
    nodeName: 'n2',
    identity: identityOf(2),
    remote: { answer: (question: string, answerer: RemoteAnswerer) => answers.set(question, answerer) },
    slots: {
      begin: (wish: CaptureWish) => {
        wishes.push(wish);
        return { capture: 1, rings: [] };
      },
      end: () => true,
    },
    send: () => t.fail('something was sent'),
    kernel: {
      begin: async () => Promise.resolve(),
      end: async () => Promise.resolve({ kernel: [], kernelProblem: '' }),
    },
    prefixes: { current: () => [prefix('10.244.2.0/24')] },
    clusterPrefixes: [prefix('10.244.0.0/16')],
    obeyed: async () => Promise.resolve(),
    routes: { inUse: routes, waysTo: () => ({ direct: 0, relayed: undefined }) },
  };
  const node = new TraceNode(options as unknown as TraceNodeOptions);
  t.teardown(() => node.close());
  return answers;
}

function told(source: string, destination: string): ToldTrace {
  const packet = { protocol: 1, sourcePort: 0, destinationPort: 0, sizeBytes: 84, mark: 7 };
  return { ...packet, source, destination };
}

for (const [source, destination, path] of [
  ['10.244.3.2', '10.244.2.2', 'source'],
  ['198.18.0.9', '10.244.2.2', 'source'],
  ['10.244.4.2', '10.244.2.2', 'source'],
  ['10.244.2.2', '192.0.2.1', 'destination'],
] as const) {
  test(`no node has n2 send from ${source} to ${destination}: that is not its ${path}`, async (t) => {
    const answers = answersOfN2(t);
    await answers.get(TraceQuestion.begin)!(told(source, destination), caller);
    const send = answers.get(TraceQuestion.send)!;
    const error = await t.throwsAsync(async () => send({ listener: 1, number: 0 }, caller), {
      instanceOf: ConfigError,
    });
    t.is(error.details['path'], path);
  });
}

test('the listener of one node is not for another to use, or to end', async (t) => {
  const answers = answersOfN2(t);
  await answers.get(TraceQuestion.begin)!(told('10.244.2.2', '10.244.3.2'), caller);
  const other = { name: 'n3', identity: identityOf(3) };
  const ask = async (question: string, from: typeof caller) =>
    await answers.get(question)!({ listener: 1, number: 0 }, from);
  await t.throwsAsync(ask(TraceQuestion.send, other), { code: 'trace-over' });
  await t.throwsAsync(ask(TraceQuestion.end, other), { code: 'trace-over' });
  t.deepEqual(await ask(TraceQuestion.end, caller), { sightings: [], lost: 0, kernel: [], kernelProblem: '' });
});

for (const [name, identity, isRemote] of [
  ['n2', identityOf(2), false],
  ['n2', identityOf(7), true],
  ['n1', identityOf(1), true],
] as const) {
  test(`a trace of ${identity}, which calls itself ${name}, is ${isRemote ? 'one of another node' : 'of n2 itself'}`, async (t) => {
    const wishes: CaptureWish[] = [];
    const answers = answersOfN2(t, wishes);
    await answers.get(TraceQuestion.begin)!(told('10.244.2.2', '10.244.3.2'), { name, identity });
    t.deepEqual(
      wishes.map((wish) => wish.isRemote),
      [isRemote],
    );
  });
}
