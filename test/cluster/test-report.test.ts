import test from 'ava';
import { chooseTests, LEFT_OUT } from './end-to-end-choice.ts';
import { endToEndDocument } from './end-to-end-document.ts';
import { readTestReport } from './test-report.ts';

/** As Ginkgo writes it. */
const report = `<?xml version="1.0" encoding="UTF-8"?>
  <testsuites tests="6" disabled="2" errors="0" failures="1" time="12.5">
      <testsuite name="Kubernetes e2e suite" timestamp="2026-12-01T20:00:00">
          <testcase name="[SynchronizedBeforeSuite]" classname="Kubernetes e2e suite" status="passed" time="0.5"></testcase>
          <testcase name="[It] [sig-network] DNS should provide DNS for the cluster [Conformance]" classname="Kubernetes e2e suite" status="passed" time="6.25"></testcase>
          <testcase name="[It] [sig-network] Services should be &#34;quick&#34; &amp; right" classname="Kubernetes e2e suite" status="failed" time="3">
              <failure type="failed">[FAILED] it said &lt;nothing&gt;&#xA;in the end</failure>
              <system-err>&lt;testcase name=&#34;none&#34;&gt;</system-err>
          </testcase>
          <testcase name="[It] [sig-network] Topology Hints should distribute endpoints evenly" classname="Kubernetes e2e suite" status="skipped" time="1"><skipped message="skipped - Requires more than one zone&#xA;and more"></skipped></testcase>
          <testcase name="[It] [sig-network] Services should work after restarting apiserver [Disruptive]" classname="Kubernetes e2e suite" status="skipped" time="0"><skipped message="skipped"></skipped></testcase>
          <testcase name="[It] [sig-node] Pods should run" classname="Kubernetes e2e suite" status="skipped" time="0"><skipped message="skipped"></skipped></testcase>
      </testsuite>
  </testsuites>`;

const cases = readTestReport(report);

test('a report says what became of each test, and what it said', (t) => {
  t.deepEqual(
    cases.map(({ name, outcome, said, seconds }) => [name.slice(0, 21), outcome, said, seconds]),
    [
      ['[sig-network] DNS sho', 'passed', '', 6.25],
      ['[sig-network] Service', 'failed', '[FAILED] it said <nothing>\nin the end', 3],
      ['[sig-network] Topolog', 'skipped', 'Requires more than one zone\nand more', 1],
      ['[sig-network] Service', 'not-chosen', '', 0],
      ['[sig-node] Pods shoul', 'not-chosen', '', 0],
    ],
  );
  t.is(cases[1]!.name, '[sig-network] Services should be "quick" & right');
});

test('a report without tests is none', (t) => {
  t.throws(() => readTestReport('<testsuites></testsuites>'), { message: /no test/ });
});

test('the page has a line for each test that ran, and reasons for the others', (t) => {
  const text = endToEndDocument(cases, { version: '1.34.4', nodes: 3, date: '2026-12-01' });
  t.true(text.includes('\n- DNS should provide DNS for the cluster\n'));
  t.true(text.includes('\n| of them conformance, which has 1 | 1 |\n'));
  t.true(text.includes('\n## Failed, and why\n\n- Services should be "quick" & right: [FAILED] it said <nothing>\n'));
  t.true(text.includes('\n- Topology Hints should distribute endpoints evenly: Requires more than one zone\n'));
  t.true(text.includes('\n- 1: they end parts of the control plane'));
  t.false(text.includes('sig-node'));
});

test('a test that did not run without a reason is an error', (t) => {
  const one = { name: '[sig-network] Services should be there', outcome: 'not-chosen', said: '', seconds: 0 } as const;
  t.throws(() => endToEndDocument([one], { version: '1.34.4', nodes: 3, date: '2026-12-01' }), {
    message: /nothing says why/,
  });
});

test('conformance is run whole, and of the network what can run', (t) => {
  t.deepEqual(chooseTests('conformance').skip, []);
  t.is(chooseTests('network').skip.length, LEFT_OUT.length);
  t.deepEqual(chooseTests('DNS'), { focus: 'DNS', skip: [] });
});
