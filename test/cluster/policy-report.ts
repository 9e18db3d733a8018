/** What became of foreign tests of network policies, from what they leave. Pure. */
import { unescaped } from './test-report.ts';

/** A test. */
export interface PolicyTest {
  /** With those that it is part of: `CNPAdminTierEgressTCP/Should support an 'allow-egress' policy`. */
  readonly name: string;
  readonly outcome: 'passed' | 'failed' | 'skipped';
}

const CASE = /<testcase [^>]*?\sname="([^"]*)"[^>]*?(?:\/>|>(.*?)<\/testcase>)/gs;

/** From the report of cyclonus, in JUnit's format: a case without a failure has passed. @throws Error if there is no test in it. */
export function readCyclonusReport(xml: string): PolicyTest[] {
  return some(
    [...xml.matchAll(CASE)].map(([, name = '', content = '']) => ({
      name: unescaped(name),
      outcome: content.includes('<failure') ? 'failed' : 'passed',
    })),
  );
}

/** One for each test: `    --- PASS: TestConformance/CNPAdminTierEgressTCP (12.5s)` */
const RESULT = /^ *--- (PASS|FAIL|SKIP): (\S+) \([\d.]+s\)$/gm;

const outcomes = { PASS: 'passed', FAIL: 'failed', SKIP: 'skipped' } as const;

/**
 * From what a test program of Go prints with `-test.v`: of its tests, those that have no parts.
 *
 * @throws Error if there is no test in it, or it did not get to its end.
 */
export function readGoTests(output: string): PolicyTest[] {
  if (!/^(?:PASS|FAIL)$/m.test(output)) throw new Error('these tests did not get to their end');
  const all = [...output.matchAll(RESULT)].map(([, word, name = '']) => ({
    path: name,
    outcome: outcomes[word as keyof typeof outcomes],
  }));
  const leaves = all.filter(({ path }) => !all.some((other) => other.path.startsWith(`${path}/`)));
  return some(
    leaves.map(({ path, outcome }) => ({
      // Without the one that all are part of. It prints blanks as `_`.
      name: path.slice(path.indexOf('/') + 1).replaceAll('_', ' '),
      outcome,
    })),
  );
}

function some(tests: PolicyTest[]): PolicyTest[] {
  if (tests.length === 0) throw new Error('there is no test in this report');
  return tests;
}
