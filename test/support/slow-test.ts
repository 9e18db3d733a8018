/**
 * Tests that take minutes, each file with a cluster of its own. They run where `ava.long.config.js` is used, which gives them time, and are
 * skipped in any other run, also where one is named.
 */
import test, { type SerialFn } from 'ava';
import { hasGo } from './go-programs.ts';

/** Whether they run: Kubernetes and kind are compiled from their modules, for which Go is needed. */
export const runsSlowTests = process.env['TEST_LONG'] === 'yes' && hasGo();

/** Declares one. */
export const slowTest: SerialFn | SerialFn['skip'] = runsSlowTests ? test.serial : test.serial.skip;
