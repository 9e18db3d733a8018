import test from 'ava';
import { encodeAnswer, encodeChange, encodeRequest, parseAnswer } from '../../src/directory/message-codec.ts';
import { encodePod } from '../../src/directory/pod-codec.ts';
import { hashPod, PodSet } from '../../src/directory/pod-set.ts';
import { MAX_POD_VERSION } from '../../src/membership/limits.ts';
import { endpoint, identityOf } from '../support/announcements.ts';
import { Directories, podOf, somePodsOf } from '../support/directories.ts';

const anywhere = endpoint('203.0.113.9:7948');

/** Nodes 1 to `count` with two pods each, which know each other's. */
function settled(count = 3): Directories {
  const directories = new Directories();
  for (let number = 1; number <= count; number++) directories.start(number, somePodsOf(number, 2));
  directories.clock.advance(10_000);
  directories.requests.length = 0;
  directories.notified.length = 0;
  return directories;
}

test('nodes that meet come to know the pods of each other', (t) => {
  const directories = settled();
  t.deepEqual(directories.names(1, 3), ['web-0', 'web-1']);
  t.deepEqual(
    directories.nodes.get(1)!.podsOf(identityOf(3)),
    somePodsOf(3, 2).toSorted((a, b) => (a.name < b.name ? -1 : 1)),
  );
  t.deepEqual(directories.nodes.get(1)!.behind(), []);
  t.is(directories.nodes.get(1)!.statistics().pods, 4);
});

test('a small change comes by itself, and nobody asks', (t) => {
  const directories = settled();
  directories.nodes.get(1)!.replaceOwn([...somePodsOf(1, 2), podOf(1, 'new', 9)]);
  directories.clock.advance(5_000);
  t.deepEqual(directories.names(2, 1), ['new', 'web-0', 'web-1']);
  t.true(directories.knows(2, 1) && directories.knows(3, 1));
  t.deepEqual(directories.requests, []);
  t.deepEqual(
    directories.notified.filter(({ node }) => node === 2),
    [{ node: 2, identities: [identityOf(1)] }],
  );
});

test('a change that got lost is asked for', (t) => {
  const directories = settled();
  directories.changesPass = false;
  directories.nodes.get(1)!.replaceOwn([]);
  directories.nodes.get(2)!.replaceOwn(somePodsOf(2, 3));
  directories.clock.advance(5_000);
  t.deepEqual(directories.names(3, 1), []);
  t.true(directories.knows(3, 2) && directories.knows(1, 2));
  t.true(directories.requests.length > 0);
});

test('whoever missed some changes takes the sum of all with the next one', (t) => {
  const directories = settled(2);
  directories.changesPass = false;
  directories.nodes.get(1)!.replaceOwn([...somePodsOf(1, 2), podOf(1, 'first', 8)]);
  directories.clock.advance(200);
  directories.changesPass = true;
  directories.nodes.get(1)!.replaceOwn([...somePodsOf(1, 2), podOf(1, 'second', 9)]);
  directories.answers = () => undefined;
  directories.clock.advance(1_200);
  t.deepEqual(directories.names(2, 1), ['second', 'web-0', 'web-1']);
});

test('many changes in a row are announced once a second, and small ones together', (t) => {
  const directories = settled(2);
  const { version } = directories.nodes.get(1)!.summary;
  for (let turn = 1; turn <= 100; turn++) {
    directories.nodes.get(1)!.replaceOwn(somePodsOf(1, 2, turn));
    directories.clock.advance(20);
  }
  directories.clock.advance(2_000);
  t.true(directories.nodes.get(1)!.summary.version - version <= 4);
  t.true(directories.knows(2, 1));
});

test('what changes and changes back before anybody heard is not announced', (t) => {
  const directories = settled(2);
  const before = directories.nodes.get(1)!.summary;
  directories.nodes.get(1)!.replaceOwn([]);
  directories.nodes.get(1)!.replaceOwn(somePodsOf(1, 2));
  directories.clock.advance(2_000);
  t.deepEqual(directories.nodes.get(1)!.summary, before);
});

test('a change too long for a datagram is not passed on, and comes by asking', (t) => {
  const directories = settled();
  directories.changes.length = 0;
  directories.nodes.get(1)!.replaceOwn(somePodsOf(1, 30));
  directories.clock.advance(5_000);
  t.deepEqual(directories.changes, []);
  t.true(directories.knows(2, 1) && directories.knows(3, 1));
});

test('the pods of a node that does not answer come from others', (t) => {
  const directories = settled();
  directories.answers = (to, answer) => (to === 1 ? undefined : answer);
  directories.start(4, []);
  directories.clock.advance(20_000);
  t.true(directories.knows(4, 1));
});

test('a node that nobody holds is asked for ever more seldom, and is reported as missing', (t) => {
  const directories = settled();
  directories.announce(9, { version: 5, digest: '0123456789abcdef', pods: 3 });
  directories.clock.advance(60_000);
  const { length } = directories.requests;
  const [missing] = directories.nodes.get(1)!.behind();
  t.is(missing?.identity, identityOf(9));
  t.true(missing!.attempts > 3);
  directories.clock.advance(60_000);
  t.true(
    directories.requests.length - length <= 3 * 14,
    `${directories.requests.length - length} requests in a minute`,
  );
  directories.setState(9, undefined);
  t.deepEqual(directories.nodes.get(1)!.behind(), []);
});

test('a thousand pods come in several answers', (t) => {
  const directories = new Directories();
  const labels = { app: 'web', 'example.com/a-key-of-some-length': 'and a value'.replaceAll(' ', '-').repeat(4) };
  const pods = Array.from({ length: 2_000 }, (_, at) => podOf(1, `pod-${at}`, at + 2, { labels }));
  directories.start(1, pods);
  directories.start(2, []);
  directories.clock.advance(3_000);
  t.true(directories.knows(2, 1));
  t.is(directories.nodes.get(2)!.podsOf(identityOf(1)).length, 2_000);
  t.true(directories.nodes.get(2)!.statistics().requestsSent >= 2);
});

test('the pods of 600 nodes come in few requests', (t) => {
  const directories = new Directories();
  directories.start(1, []);
  for (let number = 2; number <= 600; number++) {
    const set = PodSet.of(somePodsOf(number & 0xff, 3).map(encodePod));
    const summary = { version: 7, digest: set.digest, pods: set.size };
    directories.nodes.get(1)!.recall(identityOf(number), { ...summary, set, sinceMs: 0 });
    directories.announce(number, summary);
  }
  directories.standIn = 1;
  directories.start(700, []);
  directories.clock.advance(5_000);
  t.is(directories.nodes.get(700)!.statistics().nodes, 600);
  const { requestsSent } = directories.nodes.get(700)!.statistics();
  t.true(requestsSent <= 12, `${requestsSent} requests`);
});

test('pods of the dead are kept for a while, those of who left or was forgotten are not', (t) => {
  const directories = settled(4);
  directories.setState(2, 'dead');
  directories.setState(3, 'left');
  directories.setState(4, undefined);
  const of = (number: number): number => directories.nodes.get(1)!.podsOf(identityOf(number)).length;
  t.deepEqual([2, 3, 4].map(of), [2, 0, 0]);
  const told = directories.notified.filter(({ node }) => node === 1).flatMap(({ identities }) => identities);
  t.deepEqual(told, [identityOf(2), identityOf(3), identityOf(4)]);
  directories.clock.advance(700_000);
  t.is(of(2), 0);
});

test('whoever follows hears when the pods of the dead are dropped, and of who was dead and is forgotten', (t) => {
  const directories = new Directories();
  directories.start(1, []);
  for (const number of [2, 3]) directories.start(number, [podOf(number, 'web')]);
  directories.clock.advance(10_000);
  for (const number of [2, 3]) directories.setState(number, 'dead');
  directories.clock.advance(1_000);
  directories.notified.length = 0;
  directories.setState(3, undefined);
  t.deepEqual(
    directories.notified.filter(({ node }) => node === 1),
    [{ node: 1, identities: [identityOf(3)] }],
  );
  directories.clock.advance(600_000);
  t.deepEqual(directories.notified.filter(({ node }) => node === 1).at(-1), { node: 1, identities: [identityOf(2)] });
  t.is(directories.notified.filter(({ node }) => node === 1).length, 2);
});

test('a dead node that is back within that time is not asked for', (t) => {
  const directories = settled(2);
  directories.setState(2, 'dead');
  directories.clock.advance(100_000);
  directories.setState(2, 'alive');
  directories.clock.advance(700_000);
  t.true(directories.knows(1, 2));
  t.deepEqual(directories.requests, []);
});

test('a node that forgot its versions goes beyond those that others tell it of', (t) => {
  const directories = settled(2);
  const known = directories.nodes.get(1)!.summary;
  directories.nodes.get(1)!.stop();
  const reborn = directories.start(1, [podOf(1, 'other')], 1);
  t.true(reborn.summary.version < known.version);
  reborn.takeSummaryOfSelf(known);
  directories.clock.advance(5_000);
  t.true(reborn.summary.version > known.version);
  t.deepEqual(directories.names(2, 1), ['other']);
});

test('a node whose versions went back is believed in the end', (t) => {
  const directories = settled(3);
  directories.nodes.get(1)!.stop();
  directories.start(1, [podOf(1, 'other')], 1);
  directories.clock.advance(60_000);
  t.deepEqual(directories.names(2, 1), ['other']);
  t.true(directories.knows(2, 1) && directories.knows(3, 1));
});

test('versions at the limit neither overflow nor make a node deaf', (t) => {
  const directories = settled(2);
  directories.nodes.get(1)!.takeSummaryOfSelf({ version: MAX_POD_VERSION, digest: '0'.repeat(16), pods: 0 });
  directories.nodes.get(1)!.takeSummaryOfSelf({ version: MAX_POD_VERSION - 1, digest: '0'.repeat(16), pods: 0 });
  directories.clock.advance(5_000);
  t.is(directories.nodes.get(1)!.summary.version, MAX_POD_VERSION);
  t.true(directories.knows(2, 1));
  directories.nodes.get(1)!.replaceOwn([podOf(1, 'late')]);
  directories.clock.advance(5_000);
  t.is(directories.nodes.get(1)!.summary.version, MAX_POD_VERSION);
  t.deepEqual(directories.names(2, 1), ['late']);
});

test('pods that others would refuse are refused here, and nothing changes', (t) => {
  const directory = settled(1).nodes.get(1)!;
  const before = directory.setOf(identityOf(1));
  t.throws(() => directory.replaceOwn([podOf(1, 'a'), podOf(1, 'a', 3)]), {
    code: 'pod-not-announced',
    message: /^pod a: .*has its name/,
  });
  t.throws(() => directory.replaceOwn([podOf(1, 'a/b')]), { code: 'pod-not-announced' });
  t.throws(() => directory.replaceOwn(somePodsOf(1, 4_097)), { code: 'pods-full', message: /at most 4096 pods/ });
  const labels = Object.fromEntries(Array.from({ length: 50 }, (_, at) => [`key-${at}`, 'v'.repeat(63)]));
  const pods = Array.from({ length: 300 }, (_, at) => podOf(1, `pod-${at}`, 2, { labels }));
  t.throws(() => directory.replaceOwn(pods), { code: 'pods-full', message: /fewer labels/ });
  t.is(directory.setOf(identityOf(1)), before);
});

// What a member with the key may try.

test('an answer with other pods than were announced is refused, and another is asked', (t) => {
  const directories = settled(3);
  directories.answers = (to, answer) => {
    const told = answer && parseAnswer(answer);
    if (to !== 2 || told === undefined) return answer;
    return encodeAnswer({
      ...told,
      parts: told.parts.map((part) => ({ ...part, count: 1, pods: [encodePod(podOf(1, 'evil'))] })),
    });
  };
  directories.changesPass = false;
  for (let turn = 1; turn <= 10; turn++) {
    directories.nodes.get(1)!.replaceOwn(somePodsOf(1, 2, turn));
    directories.clock.advance(10_000);
    t.deepEqual(directories.names(3, 1), ['web-0', 'web-1']);
    t.true(directories.knows(3, 1));
  }
  t.true(directories.nodes.get(3)!.refused()['answer-wrong'] > 0);
});

test('an answer that was not asked for is not taken', (t) => {
  const directories = settled(3);
  const set = PodSet.of([encodePod(podOf(3, 'evil'))]);
  directories.announce(9, { version: 4, digest: set.digest, pods: 1 });
  const part = { identity: identityOf(3), version: 99, digest: set.digest, count: 1, from: 0, pods: set.encoded() };
  directories.answers = () => encodeAnswer({ parts: [part], lacking: [] });
  directories.clock.advance(5_000);
  t.deepEqual(directories.names(1, 3), ['web-0', 'web-1']);
  t.true(directories.nodes.get(1)!.refused()['answer-unasked'] > 0);
});

for (const [title, answer] of [
  ['nothing', () => new Uint8Array(0)],
  ['noise', () => Uint8Array.of(0xff, 0xff)],
  [
    'parts without end, and no pods in them',
    (asked: number) =>
      encodeAnswer({
        parts: [
          { identity: identityOf(asked), version: 4, digest: '0123456789abcdef', count: 4_096, from: 0, pods: [] },
        ],
        lacking: [],
      }),
  ],
] as const) {
  test(`a node that answers with ${title} is not asked without end`, (t) => {
    const directories = settled(2);
    directories.answers = () => answer(9);
    directories.announce(9, { version: 4, digest: '0123456789abcdef', pods: 4_096 });
    directories.clock.advance(60_000);
    t.true(directories.requests.length < 100, `${directories.requests.length} requests`);
    t.is(directories.nodes.get(1)!.podsOf(identityOf(9)).length, 0);
  });
}

test('a change that leads elsewhere than it says is refused', (t) => {
  const directories = settled(2);
  const { version } = directories.nodes.get(1)!.summary;
  const change = {
    identity: identityOf(1),
    base: version,
    version: version + 1,
    digest: '0123456789abcdef',
    removed: [],
    added: [encodePod(podOf(1, 'evil', 77))],
  };
  directories.nodes.get(2)!.takeChange(anywhere, encodeChange(change));
  directories.nodes.get(2)!.takeChange(anywhere, encodeChange({ ...change, version: version + 1_000_000 }));
  directories.nodes.get(2)!.takeChange(anywhere, Uint8Array.of(0xff));
  t.deepEqual(directories.names(2, 1), ['web-0', 'web-1']);
  t.like(directories.nodes.get(2)!.refused(), { 'change-wrong': 1, 'change-invalid': 2 });
});

test('a change that somebody made up is undone: in the end what a node announces counts', (t) => {
  const directories = settled(3);
  const held = directories.nodes.get(2)!.setOf(identityOf(1))!;
  const evil = encodePod(podOf(1, 'evil', 77));
  const { version } = directories.nodes.get(1)!.summary;
  const digest = held.with([hashPod(held.at(0))], [evil])!.digest;
  const forged = {
    identity: identityOf(1),
    base: version,
    version: version + 60,
    digest,
    removed: [hashPod(held.at(0))],
    added: [evil],
  };
  directories.nodes.get(2)!.takeChange(anywhere, encodeChange(forged));
  t.true(directories.names(2, 1).includes('evil'));
  directories.clock.advance(60_000);
  t.deepEqual(directories.names(2, 1), ['web-0', 'web-1']);
  t.deepEqual(directories.names(3, 1), ['web-0', 'web-1']);
});

test('a change of a stranger, of a node that is gone, and of this node itself is not taken', (t) => {
  const directories = settled(2);
  const held = directories.nodes.get(2)!.setOf(identityOf(1))!;
  const { version } = directories.nodes.get(1)!.summary;
  const added = [encodePod(podOf(1, 'new', 9))];
  const { digest } = held.with([], added)!;
  const change = { identity: identityOf(1), base: version, version: version + 1, digest, removed: [], added };
  directories.nodes.get(1)!.takeChange(anywhere, encodeChange(change));
  directories.nodes.get(2)!.takeChange(anywhere, encodeChange({ ...change, identity: identityOf(77) }));
  directories.setState(1, 'dead');
  directories.nodes.get(2)!.takeChange(anywhere, encodeChange(change));
  t.deepEqual(
    [directories.names(1, 1), directories.names(2, 1)],
    [
      ['web-0', 'web-1'],
      ['web-0', 'web-1'],
    ],
  );
  directories.setState(1, 'suspect');
  directories.nodes.get(2)!.takeChange(anywhere, encodeChange(change));
  t.deepEqual(directories.names(2, 1), ['new', 'web-0', 'web-1']);
});

test('a node with a huge directory that is another every second is asked for it now and then', (t) => {
  const directories = settled(2);
  const labels = { filler: 'x'.repeat(63), filler2: 'y'.repeat(63) };
  let turn = 0;
  const huge = (): ReturnType<typeof podOf>[] =>
    Array.from({ length: 3_000 }, (_, at) =>
      podOf(1, `pod-${at}`, at + 2, { labels: { ...labels, turn: String(turn) } }),
    );
  for (; turn < 60; turn++) {
    directories.nodes.get(1)!.replaceOwn(huge());
    directories.clock.advance(1_000);
  }
  const { requestsSent } = directories.nodes.get(2)!.statistics();
  t.true(requestsSent < 60, `${requestsSent} requests, of at most 192 KiB each, in a minute`);
  directories.clock.advance(60_000);
  t.true(directories.knows(2, 1));
});

test('what all nodes announce together is held up to a limit', (t) => {
  const directories = new Directories();
  const hostile = directories.start(1, []);
  const labels = { filler: 'x'.repeat(63), filler2: 'y'.repeat(63), filler3: 'z'.repeat(63) };
  const pods = Array.from({ length: 4_000 }, (_, at) => encodePod(podOf(1, `pod-${at}`, at + 2, { labels })));
  const set = PodSet.of(pods);
  const summary = { version: 7, digest: set.digest, pods: set.size };
  for (let number = 2; number <= 80; number++) {
    directories.announce(number, summary);
    hostile.recall(identityOf(number), { ...summary, set, sinceMs: 0 });
  }
  const { lengthBytes } = hostile.statistics();
  t.true(lengthBytes <= 48 * 1024 * 1024 && lengthBytes > 40 * 1024 * 1024, `${lengthBytes} bytes`);
});

test('a request that makes no sense is refused, one for what is not held is told so', (t) => {
  const directory = settled(2).nodes.get(1)!;
  t.is(directory.answer(anywhere, Uint8Array.of(0xff)), undefined);
  t.is(directory.refused()['request-invalid'], 1);
  const want = { identity: identityOf(2), version: 5_000, digest: '0123456789abcdef', from: 0 };
  t.deepEqual(parseAnswer(directory.answer(anywhere, encodeRequest([want]))!.bytes), {
    parts: [],
    lacking: [identityOf(2)],
  });
});

test('whoever asks for an older version gets what is held, and the announcement beside it', (t) => {
  const directory = settled(2).nodes.get(1)!;
  const want = { identity: identityOf(2), version: 1, digest: '0123456789abcdef', from: 1 };
  const answer = directory.answer(anywhere, encodeRequest([want]))!;
  t.deepEqual(answer.about, [identityOf(2)]);
  t.like(parseAnswer(answer.bytes)!.parts[0], { version: 1_000, from: 0, count: 2 });
});
