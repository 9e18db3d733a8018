import test from 'ava';
import type { FactsOfDaemon } from '../../../src/doctor/check.ts';
import { kernelState } from '../../../src/doctor/checks/kernel-state.ts';
import type { Repair } from '../../../src/doctor/facts.ts';
import { factsWith } from '../../support/doctor-facts.ts';

/** What is said where this was put right. */
function saidOf(repair: Pick<Repair, 'isContested' | 'by'>) {
  const repairs = [{ message: 'the route is gone', times: 3, last: '2026-01-01T10:00:00.000Z', ...repair }];
  const [finding] = kernelState.look(factsWith({ daemon: { repairs } }) as FactsOfDaemon);
  return [finding!.id, ...finding!.evidence, finding!.fix.text];
}

const nft = 'process "nft" (pid 7)';
const often = 'the route is gone: put right 3 times, last at 10:00:00 UTC';
const advice = "have the program that is named leave alone what is weft's";

test('who changes it again and again is named', (t) => {
  t.deepEqual(saidOf({ isContested: true, by: nft }), [
    'repairs-contested',
    `${often}; the last that is known to have changed it is ${nft}`,
    advice,
  ]);
});

test('that the kernel does not say who does is said', (t) => {
  t.deepEqual(saidOf({ isContested: true }), [
    'repairs-contested',
    `${often}; who changed it is not known`,
    'find out who did it',
  ]);
});

test('who made a single repair necessary is named if that is known', (t) => {
  t.deepEqual(saidOf({ isContested: false, by: nft }), [
    'repaired-by-itself',
    `${often}; the last that is known to have changed it is ${nft}`,
    advice,
  ]);
  t.deepEqual(saidOf({ isContested: false }), ['repaired-by-itself', often, 'find out who did it']);
});
