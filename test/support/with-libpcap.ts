/** Tests of filters, which libpcap compiles. */
import test from 'ava';
import { RequirementError } from '../../src/errors.ts';
import { compileExpression } from '../../src/linux/packet-filter.ts';

/** Where libpcap is missing, tests are skipped, and that is said. In CI it has to be there. */
const isRequired = process.env['CI'] !== undefined && process.env['CI'] !== '';
const obstacle = isRequired ? '' : whyNot();
if (obstacle !== '') console.warn(`not tested: ${obstacle}`);

/** `test` of AVA, where there is libpcap. */
export const withLibpcap = obstacle === '' ? test : test.skip;

function whyNot(): string {
  try {
    compileExpression('');
    return '';
  } catch (error) {
    if (error instanceof RequirementError) return error.message;
    throw error;
  }
}
