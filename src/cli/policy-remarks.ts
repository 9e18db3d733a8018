/** What is to be said of policies, and of what is there beside them. */
import type { PolicyReport } from '../api/policy-api.ts';
import { answersNames, deniedNames, nameSuspicions } from '../policy/denied-names.ts';
import { titleOf } from '../policy/policy.ts';
import { type Steps, suspicionsOf } from '../policy/suspicions.ts';
import { type FileRemark, type PolicyFiles, remarkLine } from './policy-files.ts';
import { type AskedCluster, clusterOf, fileCluster } from './policy-question.ts';

/** As `--json` prints it. */
export interface PolicyCheck {
  /** That were read; `null`: the running cluster was asked. */
  readonly files: number | null;
  /** Titles of those that can be read: `shop/web`. */
  readonly policies: readonly string[];
  /** In the order of the files, errors first. */
  readonly remarks: readonly FileRemark[];
  /** Objects of other kinds, by kind; those that say none by an empty one. */
  readonly passedOver: Readonly<Record<string, number>>;
}

/** @param podFile `undefined`: only what can be said without pods. @throws WeftError `usage` if pods cannot be read */
export function checkPolicies(files: PolicyFiles, podFile: string | undefined): PolicyCheck {
  const errors = files.remarks.filter(({ severity }) => severity === 'error');
  const warnings = podFile === undefined ? files.remarks.filter(isWarning) : warningsOf(fileCluster(files, podFile));
  return {
    files: files.files.length,
    policies: files.policies.map(titleOf),
    remarks: [...errors, ...warnings],
    passedOver: Object.fromEntries(files.passedOver),
  };
}

/** Of a running cluster. */
export function checkRunning(report: PolicyReport): PolicyCheck {
  const cluster = clusterOf(report, undefined);
  const remarks = warningsOf(cluster);
  return {
    files: null,
    policies: cluster.policies.policies.map(titleOf),
    remarks: [...remarks.filter((one) => !isWarning(one)), ...remarks.filter(isWarning)],
    passedOver: {},
  };
}

function isWarning({ severity }: FileRemark): boolean {
  return severity === 'warning';
}

function warningsOf({ policies, known, view, warnings }: AskedCluster): readonly FileRemark[] {
  const pods = [...known.pods()];
  const suspicions = foundIn(suspicionsOf(policies.policies, known));
  const denials = foundIn(deniedNames(pods, pods.filter(answersNames), view));
  return [
    ...warnings,
    ...[...suspicions, ...nameSuspicions(denials)].map(({ policy, path, text }): FileRemark => {
      return { severity: 'warning', place: policies.placeOf(policy, path), policy, text: `${path}: ${text}` };
    }),
  ];
}

function foundIn<Found>(steps: Steps<Found>): readonly Found[] {
  return [...steps].filter((found) => found !== undefined);
}

/** On standard error, for who asks about something else. */
export function tellWarnings({ warnings }: Pick<AskedCluster, 'warnings'>): void {
  for (const remark of warnings) process.stderr.write(`weft: ${remarkLine(remark)}\n`);
}
