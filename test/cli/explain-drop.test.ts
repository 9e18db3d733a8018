import test from 'ava';
import { Command } from 'commander';
import {
  addExplainDrop,
  allReasons,
  dropReasonNamed,
  formatDropReason,
  formatDropReasons,
} from '../../src/cli/explain-drop.ts';
import { dropReasons } from '../../src/dataplane/drop-reason.ts';
import { kernelDropReasons } from '../../src/dataplane/kernel-drop-reasons.ts';
import { runProgram } from '../support/program.ts';
import { weft } from '../support/test-lab.ts';

const pipe = { widthColumns: undefined, colour: false };

test('a reason is explained with its direction, its meaning, its likely cause and what to do', (t) => {
  const reason = dropReasonNamed('no-route');
  t.is(
    formatDropReason(reason, pipe),
    [
      'no-route (egress: from a pod to a peer)',
      'no node has announced a prefix that covers the destination; the sender was told that there is no route',
      'likely cause  the destination node is down or has not joined yet, or nobody has that address',
      'what to do    look for the prefix in: weft routes; for the node in: weft peers',
      '',
    ].join('\n'),
  );
});

test('in a terminal, what is too long goes on below itself', (t) => {
  const lines = formatDropReason(dropReasonNamed('no-route'), { widthColumns: 60, colour: false }).split('\n');
  t.true(lines.every((line) => line.length <= 60));
  t.true(lines.includes('              yet, or nobody has that address'));
});

test('without a reason, all are listed', (t) => {
  const lines = formatDropReasons(allReasons, pipe).trimEnd().split('\n');
  t.is(lines.length, 1 + dropReasons.length + kernelDropReasons.length);
});

for (const [given, similar] of [
  ['no-rout', ['no-route']],
  ['NO-ROUTE', ['no-route']],
  ['wrong-vni', ['vxlan-wrong-vni']],
  ['queue-full', ['fault-queue-full-out', 'fault-queue-full-in', 'fault-queue-full-relayed']],
  ['nonsense', []],
] as const) {
  test(`an unknown reason ${given} names what is near: ${similar.join(', ') || 'nothing'}`, (t) => {
    const error = t.throws(() => dropReasonNamed(given), { code: 'drop-reason-unknown' });
    t.deepEqual((error as Error & { details: unknown }).details, { name: given, similar });
    t.true(similar.every((name) => error.message.includes(name)) && /did you mean|lists them all/.test(error.message));
  });
}

test('the command takes a reason', async (t) => {
  const explain = new Command('explain').exitOverride();
  addExplainDrop(explain);
  await t.throwsAsync(explain.parseAsync(['drop', 'nonsense'], { from: 'user' }), { code: 'drop-reason-unknown' });
});

test('explain and what is below it both take --json', async (t) => {
  const result = await runProgram([...weft, 'explain', 'drop', 'no-route', '--json']);
  t.is((JSON.parse(result.succeeded()) as { name: string }).name, 'no-route');
});
