import test from 'ava';
import {
  encodeAnswer,
  encodeChange,
  encodeOffer,
  encodeRequest,
  parseAnswer,
} from '../../src/directory/message-codec.ts';
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

test('whoever holds any version of the last seconds takes the next change, also where a pod has changed twice', (t) => {
  const directories = settled(3);
  const revised = (revision: number): void =>
    directories.nodes
      .get(1)!
      .replaceOwn([...somePodsOf(1, 1), podOf(1, 'twice', 9, { labels: { is: `${revision}` } })]);
  for (const revision of [1, 2, 1, 3]) {
    directories.changesPass = revision !== 2;
    revised(revision);
    directories.clock.advance(150);
    directories.changesPass = true;
    t.is(directories.knows(2, 1), revision !== 2);
  }
  directories.nodes.get(1)!.replaceOwn(somePodsOf(1, 1));
  directories.clock.advance(10_000);
  t.deepEqual(directories.names(2, 1), ['web-0']);
  t.deepEqual(directories.requests, []);
  t.is(directories.nodes.get(2)!.refused()['change-wrong'], 0);
});

test('four changes in a row are announced at once, many once a second, and small ones together', (t) => {
  const directories = settled(2);
  const versions = (): number => directories.nodes.get(1)!.summary.version - before;
  const before = directories.nodes.get(1)!.summary.version;
  const counts: number[] = [];
  for (let turn = 1; turn <= 1_000; turn++) {
    directories.nodes.get(1)!.replaceOwn(somePodsOf(1, 2, turn));
    directories.clock.advance(20);
    if (turn === 25 || turn === 200 || turn === 1_000) counts.push(versions());
  }
  t.deepEqual(counts, [4, 4, 20]);
  directories.clock.advance(4_000);
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

test('a change too long for a datagram is offered, comes by asking whoever offers it, and is offered by who has it', (t) => {
  const directories = settled();
  directories.changes.length = 0;
  directories.nodes.get(1)!.replaceOwn(somePodsOf(1, 30));
  directories.clock.advance(150);
  t.true(directories.knows(2, 1) && directories.knows(3, 1));
  t.true(directories.changes.every(({ bytes }) => bytes.length < 64));
  t.deepEqual(
    directories.changes.map(({ from }) => from).toSorted((a, b) => a - b),
    [1, 2, 3],
  );
  t.deepEqual(directories.requests, [
    { from: 2, to: 1 },
    { from: 3, to: 1 },
  ]);
});

test('an offer counts that comes in one datagram with the announcement', (t) => {
  const directories = settled(2);
  directories.isFollowed = false;
  directories.nodes.get(1)!.replaceOwn(somePodsOf(1, 30));
  directories.clock.advance(150);
  t.true(directories.knows(2, 1));
  directories.changesPass = false;
  directories.nodes.get(1)!.replaceOwn([]);
  directories.clock.advance(150);
  directories.notified.length = 0;
  const offer = encodeOffer(identityOf(1), directories.nodes.get(1)!.summary);
  directories.nodes.get(2)!.takeChange(directories.endpointOf(1), offer);
  t.deepEqual(directories.names(2, 1), []);
  t.deepEqual(directories.notified, [{ node: 2, identities: [identityOf(1)] }]);
});

test('what was not offered is offered to nobody: a node that starts does not tell all that it asks for', (t) => {
  const directories = settled(3);
  directories.changes.length = 0;
  directories.start(4, []);
  directories.clock.advance(5_000);
  t.true(directories.knows(4, 1));
  t.deepEqual(directories.changes, []);
});

test('whoever missed what a change is based on asks the one that told it', (t) => {
  const directories = settled(2);
  directories.changesPass = false;
  directories.answers = () => undefined;
  // More versions than changes are told of.
  for (let turn = 1; turn <= 12; turn++) {
    directories.nodes.get(1)!.replaceOwn(somePodsOf(1, 2, turn));
    directories.clock.advance(1_000);
  }
  t.false(directories.knows(2, 1));
  directories.changesPass = true;
  directories.answers = (_, answer) => answer;
  directories.clock.advance(10_000);
  directories.nodes.get(1)!.replaceOwn(somePodsOf(1, 2, 99));
  directories.clock.advance(150);
  t.true(directories.knows(2, 1));
});

test('who asks in vain for what was offered asks another that offers it, half a second later', (t) => {
  const directories = settled(3);
  directories.answerMs = (from, to) => (from === 3 && to === 1 ? Infinity : 1);
  directories.nodes.get(1)!.replaceOwn(somePodsOf(1, 30));
  directories.clock.advance(400);
  t.deepEqual([directories.knows(2, 1), directories.knows(3, 1)], [true, false]);
  directories.clock.advance(200);
  t.true(directories.knows(3, 1));
});

test('where answers take half a second nobody asks twice for what was offered', (t) => {
  const directories = settled(3);
  directories.answerMs = () => 500;
  const asked: number[] = [];
  for (let turn = 1; turn <= 5; turn++) {
    directories.requests.length = 0;
    directories.nodes.get(1)!.replaceOwn(somePodsOf(1, 30, turn));
    directories.clock.advance(10_000);
    t.true(directories.knows(2, 1) && directories.knows(3, 1));
    asked.push(directories.requests.length);
  }
  t.true(asked[0]! > 2, 'at first they do not know');
  t.deepEqual(asked.slice(2), [2, 2, 2]);
});

test('a node that offers other pods all the time is asked for them four times a second at most', (t) => {
  const directories = settled(2);
  for (let turn = 1; turn <= 200; turn++) {
    const { version } = directories.nodes.get(1)!.summary;
    const summary = { version: version + turn, digest: turn.toString(16).padStart(16, '0'), pods: 2 };
    directories.announce(1, summary);
    directories.nodes.get(2)!.takeChange(directories.endpointOf(1), encodeOffer(identityOf(1), summary));
    directories.clock.advance(20);
  }
  const { length } = directories.requests;
  t.true(length > 4 && length <= 17, `${length} requests in 4 s`);
});

/** Node 3 may hear of new pods of node 1 by announcements only, and all the time by node 2, which says that it holds them. */
function deceived(directories: Directories): number[] {
  directories.changesPass = false;
  directories.nodes.get(1)!.replaceOwn(somePodsOf(1, 30));
  for (let turn = 0; turn < 200; turn++) {
    directories.clock.advance(20);
    const offer = encodeOffer(identityOf(1), directories.nodes.get(1)!.summary);
    directories.nodes.get(3)!.takeChange(directories.endpointOf(2), offer);
  }
  return directories.requests.filter(({ from }) => from === 3).map(({ to }) => to);
}

const lies = {
  'and does not answer': undefined,
  'and says that it lacks it': encodeAnswer({ parts: [], lacking: [identityOf(1)] }),
  'and answers with noise': Uint8Array.of(0xff, 0xff),
} as const;

for (const [how, lie] of Object.entries(lies)) {
  test(`of one that offers what it does not hold, ${how}, nobody keeps asking, and others are asked`, (t) => {
    const directories = settled(4);
    directories.answers = (to, answer) => (to === 2 ? lie : answer);
    if (lie === undefined) directories.answerMs = (_, to) => (to === 2 ? Infinity : 1);
    const asked = deceived(directories);
    t.is(asked[0], 2);
    t.true(directories.knows(3, 1));
    t.true(asked.length <= 8, `${asked.length} requests`);
  });
}

test('of one that offers pods, and answers with one of them at a time, nobody asks for the next, and others are asked', (t) => {
  const directories = settled(4);
  directories.answerMs = (_, to) => (to === 2 ? 300 : 1);
  directories.answers = (to, answer) => {
    const told = answer && parseAnswer(answer);
    if (to !== 2 || told === undefined) return answer;
    return encodeAnswer({ ...told, parts: told.parts.map((part) => ({ ...part, pods: part.pods.slice(0, 1) })) });
  };
  const asked = deceived(directories);
  t.is(asked[0], 2);
  t.true(directories.knows(3, 1));
  t.true(asked.length <= 8, `${asked.length} requests`);
});

test('who offers everything to a node that starts has it tell others nothing', (t) => {
  const directories = settled(3);
  directories.start(4, []);
  for (const number of [1, 2, 3])
    directories.nodes
      .get(4)!
      .takeChange(directories.endpointOf(2), encodeOffer(identityOf(number), directories.nodes.get(number)!.summary));
  directories.changes.length = 0;
  directories.clock.advance(100);
  t.true(directories.knows(4, 1) && directories.knows(4, 3));
  t.deepEqual(directories.changes, []);
});

test('an offer of a stranger, or of something else than is announced, has nobody asked', (t) => {
  const directories = settled(3);
  directories.changesPass = false;
  directories.nodes.get(1)!.replaceOwn(somePodsOf(1, 30));
  directories.clock.advance(150);
  const { version, digest } = directories.nodes.get(1)!.summary;
  const hears = directories.nodes.get(3)!;
  hears.takeChange(anywhere, encodeOffer(identityOf(1), { version, digest }));
  hears.takeChange(directories.endpointOf(2), encodeOffer(identityOf(1), { version: version + 1, digest }));
  hears.takeChange(directories.endpointOf(2), encodeOffer(identityOf(1), { version, digest: '0123456789abcdef' }));
  directories.clock.advance(200);
  t.deepEqual(directories.requests, []);
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
