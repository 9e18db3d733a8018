/** `weft policy`: what network policies do. */
import type { Command } from 'commander';
import { addPolicyApply } from './policy-apply.ts';
import { addPolicyCheck } from './policy-check.ts';
import { addPolicyDelete } from './policy-delete.ts';
import { addPolicyList } from './policy-list.ts';
import { addPolicyMatrix } from './policy-matrix.ts';
import { addPolicyShow } from './policy-show.ts';
import { addPolicyTest } from './policy-test.ts';

/** Adds `policy` with its verbs. */
export function registerPolicy(program: Command): void {
  const policy = program.command('policy').description('what network policies allow, and which rule says so');
  addPolicyList(policy);
  addPolicyShow(policy);
  addPolicyTest(policy);
  addPolicyMatrix(policy);
  addPolicyCheck(policy);
  addPolicyApply(policy);
  addPolicyDelete(policy);
}
