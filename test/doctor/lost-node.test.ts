import test from 'ava';
import { lostNodeFinding, type Testimony } from '../../src/doctor/lost-node.ts';

const nowMs = Date.parse('2026-01-03T12:02:00.000Z');

const told: Testimony = {
  witness: 'n1',
  state: 'dead',
  sinceAgoMs: 50_000,
  incarnation: 3,
  gossipEndpoint: '198.18.0.3:7948',
  endpoint: '198.18.0.3:4789',
  knowsSenders: true,
  heardAgoMs: 55_000,
  pinged: true,
  refusal: 'ECONNREFUSED',
  probes: null,
};

const findingOf = (...changes: readonly Partial<Testimony>[]) =>
  lostNodeFinding({
    node: 'n3',
    told: changes.map((change, index) => ({ ...told, witness: `n${index + 1}`, ...change })),
    isComplete: true,
    nowMs,
  });

test('a dead node is named with what all know of it', (t) => {
  const finding = findingOf({}, { heardAgoMs: 52_000, sinceAgoMs: 48_000 });
  t.like(finding, {
    id: 'node-dead',
    title: 'n3 has been heard by nobody since 2026-01-03 12:01:08 UTC (n1 and n2 agree): its pods cannot be reached',
    nodes: ['n3'],
    seenBy: ['n1', 'n2'],
  });
  t.deepEqual(finding.evidence, [
    'n1 and n2 count it as dead, since 2026-01-03 12:01:10 UTC',
    'heard last: by n2 at 2026-01-03 12:01:08 UTC, by n1 at 2026-01-03 12:01:05 UTC',
    'it announced 198.18.0.3:7948 for gossip and 198.18.0.3:4789 for VXLAN, last in incarnation 3',
    'its address answers pings of n1 and n2',
    'over TCP, n1 and n2 cannot talk to it: ECONNREFUSED',
  ]);
  t.deepEqual(finding.fix.commands, ['weft peer forget n3']);
});

test('where only some were asked, nobody speaks for all', (t) => {
  const finding = lostNodeFinding({ node: 'n3', told: [told], isComplete: false, nowMs });
  t.regex(finding.title, /^n3 has been heard by none of those that were asked since .* \(n1\)/);
});

test('that some of them still know it as alive is said', (t) => {
  const finding = findingOf({}, { state: 'alive', pinged: false, refusal: '' });
  t.is(finding.title, 'n3 is dead for n1, and not for others');
  t.true(finding.evidence.some((text) => text.startsWith('n2 counts it as alive, since')));
  t.true(finding.evidence.includes('its address answers no pings of n2'));
  t.true(finding.evidence.includes('over TCP, it answers n2'));
});

test('one that is alive for all and does not answer is silent, and is not to be forgotten', (t) => {
  const finding = findingOf({ state: 'alive', heardAgoMs: 1_000, probes: { sent: 3, answered: 2 } });
  t.like(finding, { id: 'node-silent', title: 'n3 does not answer, and was last heard at 2026-01-03 12:01:59 UTC' });
  t.true(finding.evidence.includes('n1: 2 of 3 probes straight to its VXLAN port were answered'));
  t.false(finding.fix.commands.some((command) => command.includes('forget')));
});

test('one that nobody has heard since they started has no time', (t) => {
  const finding = findingOf({ heardAgoMs: null }, { heardAgoMs: null });
  t.is(finding.title, 'n3 has been heard by nobody (n1 and n2 agree): its pods cannot be reached');
  t.true(finding.evidence.includes('none of those that were asked has heard it since they started'));
});

test('without authentication nobody knows whom he heard, or asks over TCP', (t) => {
  const finding = findingOf({ knowsSenders: false, heardAgoMs: null, refusal: null });
  t.is(finding.title, 'n3 is dead (n1): its pods cannot be reached');
  t.false(finding.evidence.some((text) => /heard|TCP/.test(text)));
  t.regex(finding.cause, /hangs; or a firewall/);
});

test('who does not know it says so, and counts for nothing else', (t) => {
  const finding = findingOf({}, { state: 'unknown', heardAgoMs: 0, pinged: false });
  t.regex(finding.title, /^n3 has been heard by nobody since 2026-01-03 12:01:05 UTC \(n1\)/);
  t.true(finding.evidence.includes('n2 knows no such node'));
  t.false(finding.evidence.some((text) => text.includes('no pings of n2')));
});

test('where keys differ, keys are to be looked at, and nobody is to be forgotten', (t) => {
  const closing = { refusal: 'it closes the connection without an answer' };
  t.deepEqual(findingOf(closing, { ...closing, refusal: null }).fix.commands, ['weft key list']);
  t.deepEqual(findingOf(closing, {}).fix.commands, ['weft peer forget n3']);
});

const causes: Readonly<Record<string, readonly [Partial<Testimony>, RegExp]>> = {
  'a machine that refuses connections': [{}, /its daemon does not run/],
  'a daemon with other keys': [{ refusal: 'it closes the connection without an answer' }, /other keys/],
  'a daemon that answers over TCP': [{ refusal: '' }, /its daemon is there/],
  'a machine that answers pings alone': [{ refusal: 'no answer within 5 s' }, /hangs; or a firewall/],
  'a machine that answers nothing': [{ refusal: 'no answer within 5 s', pinged: false }, /is off, or is cut off/],
  'a machine whose data path answers': [
    { refusal: null, pinged: false, probes: { sent: 3, answered: 1 } },
    /^its data path answers, so its machine is there/,
  ],
  'a machine that answers no probes, where nothing else can be tried': [
    { refusal: null, pinged: null, probes: { sent: 3, answered: 0 } },
    /is off, or is cut off/,
  ],
  'a machine that nobody could try': [{ refusal: null, pinged: null }, /^not known: none of those that were asked/],
  'a machine that nobody can ping': [{ refusal: 'EHOSTUNREACH', pinged: null }, /is off, or is cut off/],
};

for (const [what, [change, cause]] of Object.entries(causes)) {
  test(`the cause is that of ${what}`, (t) => t.regex(findingOf({ ...change }).cause, cause));
}
