/** No reason for a drop may rise and leave the doctor content. */
import test from 'ava';
import { catalogue } from '../../../src/doctor/catalogue.ts';
import { harmlessDrops } from '../../../src/doctor/checks/drops.ts';
import { examine } from '../../../src/doctor/examination.ts';
import type { Finding } from '../../../src/doctor/finding.ts';
import { dropReasons } from '../../../src/dataplane/drop-reason.ts';
import { kernelDropReasons } from '../../../src/dataplane/kernel-drop-reasons.ts';
import { refusals } from '../../../src/daemon/rules/node-rules.ts';
import { factsWith } from '../../support/doctor-facts.ts';
import { ipPacket, udpDatagram } from '../../support/ip-packet.ts';
import { podOf, RelayingNode, type RelayingNodeOptions } from '../../support/relaying-node.ts';

function findingsOf(dropped: Readonly<Record<string, number>>, examples = {}): readonly Finding[] {
  const recent = { seconds: 15, dropped, examples, udpChecksumErrors: 0, overflow: 0, roundaboutProbes: {} };
  return examine(factsWith({ daemon: { recent } }), '2026-01-03T04:05:00.000Z').findings;
}

/** Those of the dataplane, and those of the rules in the kernel. */
const reasons: readonly string[] = [...[...dropReasons, ...kernelDropReasons].map(({ name }) => name), ...refusals];

for (const name of reasons) {
  const why = harmlessDrops[name];
  if (why === undefined) {
    test(`drops as ${name} are a finding, which names them and has something to do`, (t) => {
      const [finding, ...others] = findingsOf({ [name]: 1_000 });
      t.deepEqual(others, []);
      t.true(finding?.evidence.some((line) => line.includes('1000 ') && line.includes(name)));
      t.true((finding?.fix.text ?? '') !== '');
    });
  } else {
    test(`drops as ${name} are harmless: ${why}`, (t) => t.deepEqual(findingsOf({ [name]: 1_000 }), []));
  }
}

test('what is harmless is a reason', (t) => {
  t.deepEqual(
    Object.keys(harmlessDrops).filter((name) => !reasons.includes(name)),
    [],
  );
});

test('what a finding of drops follows from is a finding', (t) => {
  const ids = new Set(Object.values(catalogue).flatMap(({ finds }) => Object.keys(finds)));
  const follows = Object.values(catalogue['drops']!.finds).flatMap((kind) => kind.follows ?? []);
  t.deepEqual(
    follows.filter((id) => !ids.has(id)),
    [],
  );
});

test('reasons of one kind are added up, the most frequent first, with examples', (t) => {
  const examples = { 'relay-off': ['from n3, 10.244.3.2 to 10.244.2.2'] };
  const [finding] = findingsOf({ 'relay-off': 2, 'relay-target-unknown': 4 }, examples);
  t.is(finding?.id, 'relay-refused');
  t.deepEqual(finding?.evidence, [
    '4 packets in the last 15 s were dropped as relay-target-unknown',
    '2 packets in the last 15 s were dropped as relay-off',
    'of the last: from n3, 10.244.3.2 to 10.244.2.2',
  ]);
  t.deepEqual(finding?.fix.commands, ['weft drops', 'weft explain drop relay-target-unknown']);
});

test('a few packets while news spreads are none', (t) => {
  t.deepEqual(findingsOf({ 'no-route': 4, 'send-buffer-full': 99, 'packet-too-big': 20 }), []);
});

test('what a dead node brings about is mentioned with it', (t) => {
  const recent = {
    seconds: 15,
    dropped: { 'no-route': 50 },
    examples: {},
    udpChecksumErrors: 0,
    overflow: 0,
    roundaboutProbes: {},
  };
  const peer = { state: 'dead', trial: undefined, said: undefined } as const;
  const { findings } = examine(factsWith({ daemon: { recent }, peer }), '2026-01-03T04:05:00.000Z');
  t.deepEqual(
    findings.map(({ id }) => id),
    ['node-dead'],
  );
  t.true(findings[0]?.evidence.includes('with it: 50 packets in the last 15 s were dropped as no-route'));
});

/** Nodes that read a bit that was damaged in ways of their own. */
const receivers: readonly RelayingNodeOptions[] = [{}, { relays: true }, { remoteChecksum: ['a'] }];

for (const options of receivers) {
  test(`whatever bit of a packet falls over on the way to a node with ${JSON.stringify(options)}, what comes of it is mentioned with that`, (t) => {
    const reached = new Set<string>();
    for (const family of [4, 6] as const) {
      const [source, destination] = [podOf('a', family), podOf('b', family)];
      const packet = ipPacket({ source, destination, protocol: 17, transport: udpDatagram([1, 2, 3]) });
      const [datagram] = new RelayingNode('a').send(packet);
      const node = new RelayingNode('b', options);
      for (let bit = 0; bit < datagram!.bytes.length * 8; bit++) {
        const damaged = datagram!.bytes.slice();
        damaged[bit >> 3]! ^= 1 << (bit & 7);
        node.receive('a', damaged);
      }
      for (const reason of Object.keys(node.drops())) reached.add(reason);
    }
    t.true(reached.size > 10);
    for (const reason of reached) {
      const findings = findingsOf({ 'inner-bad-checksum': 1_000, [reason]: 1_000 });
      t.deepEqual(
        findings.map(({ id }) => id),
        ['offload-corrupts'],
        reason,
      );
      t.true(findings[0]!.evidence.some((line) => line.includes(reason)));
    }
  });
}
