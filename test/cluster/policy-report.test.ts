import test from 'ava';
import { policyDocument } from './policy-document.ts';
import { readCyclonusReport, readGoTests } from './policy-report.ts';

/** As cyclonus writes it. */
const report = `<testsuite tests="0" failures="1" time="" name="cyclonus">
    <testcase classname="" name="should allow &#34;DNS&#34;" time=""></testcase>
    <testcase classname="" name="multiple peers" time="">
        <failure message="" type=""></failure>
    </testcase>
</testsuite>`;

/** As a test program of Go prints it. */
const output = `=== RUN   TestConformance
    suite.go:168: Test Setup
    helper.go:71: FAILED Command was [/agnhost connect]
--- FAIL: TestConformance (98.25s)
    --- FAIL: TestConformance/CNPAdminTierEgressTCP (50.10s)
        --- PASS: TestConformance/CNPAdminTierEgressTCP/Should_support_an_'allow-egress'_policy (0.31s)
        --- FAIL: TestConformance/CNPAdminTierEgressTCP/Should_support_a_'deny-egress'_policy (13.00s)
    --- SKIP: TestConformance/CNPAdminTierEgressTCPMore (0.00s)
FAIL
`;

test('of cyclonus, a case without a failure has passed', (t) => {
  t.deepEqual(readCyclonusReport(report), [
    { name: 'should allow "DNS"', outcome: 'passed' },
    { name: 'multiple peers', outcome: 'failed' },
  ]);
});

test('of tests in Go, those count that have no parts', (t) => {
  t.deepEqual(readGoTests(output), [
    { name: "CNPAdminTierEgressTCP/Should support an 'allow-egress' policy", outcome: 'passed' },
    { name: "CNPAdminTierEgressTCP/Should support a 'deny-egress' policy", outcome: 'failed' },
    { name: 'CNPAdminTierEgressTCPMore', outcome: 'skipped' },
  ]);
});

test('a report without tests is none, and neither is one that ends before its end', (t) => {
  t.throws(() => readCyclonusReport('<testsuite></testsuite>'), { message: /no test/ });
  t.throws(() => readGoTests('PASS\n'), { message: /no test/ });
  t.throws(() => readGoTests(output.replace(/FAIL\n$/, 'panic: test timed out after 2h0m0s\n')), {
    message: /did not get to their end/,
  });
});

test('the page has counts of both, and names what failed', (t) => {
  const text = policyDocument({
    cyclonus: { tests: readCyclonusReport(report), date: '2026-12-01' },
    api: { tests: readGoTests(output), date: '2026-12-02' },
    version: '1.34.4',
    nodes: 3,
  });
  t.regex(text, /\n\| --- .*\|\n\| \[cyclonus\].* \| 2026-12-01 \| 1 \| 1 \| 0 \|\n/);
  t.regex(text, /\n\| \[network-policy-api\].* \| 2026-12-02 \| 1 \| 1 \| 1 \|\n/);
  t.true(text.includes('\nFailed:\n\n- multiple peers\n'));
  t.true(text.includes("\n- CNPAdminTierEgressTCP/Should support an 'allow-egress' policy\n"));
});
