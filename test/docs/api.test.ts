import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { controlPaths } from '../../src/daemon/control/control-routes.ts';
import { eventKinds } from '../../src/api/event-kind.ts';
import { fixedExplanation, fixedFlows } from '../support/fixed-explanation.ts';
import {
  fixedAttached,
  fixedAudit,
  fixedCapture,
  fixedDigest,
  fixedDirectory,
  fixedDoctorReport,
  fixedDrops,
  fixedEvents,
  fixedFault,
  fixedIpamStatus,
  fixedLeaseCheck,
  fixedMetrics,
  fixedPeers,
  fixedPlace,
  fixedPod,
  fixedPolicies,
  fixedPolicyCounts,
  fixedServices,
  fixedPolicyDenials,
  fixedPolicyRules,
  fixedRoutes,
  fixedStatus,
} from '../support/fixed-handlers.ts';
import { fixedMatrix, fixedPing, fixedTrace } from '../support/fixed-probes.ts';

// Tables are padded to equal widths.
const text = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'api.md'), 'utf8').replaceAll(/ {2,}/g, ' ');

/** The first JSON example below a heading. */
function example(heading: string): unknown {
  const section = text.slice(text.indexOf(`\n## ${heading}\n`));
  return JSON.parse(/```json\n(.*?)```/s.exec(section)![1]!);
}

/** Paths of all keys, without those of drop reasons, of which the example shows some only. */
function keyPaths(value: unknown, path = ''): string[] {
  if (Array.isArray(value)) return value.length === 0 ? [] : keyPaths(value[0], `${path}[]`);
  if (typeof value !== 'object' || value === null || path.endsWith('dropped')) return [path];
  return Object.entries(value).flatMap(([key, inner]) => [`${path}.${key}`, ...keyPaths(inner, `${path}.${key}`)]);
}

const TITLE = 'the example has every key of ';

const shows = test.macro<[unknown]>({
  exec: (t, value) => t.deepEqual(keyPaths(example(t.title.slice(TITLE.length))), keyPaths(value)),
  title: (heading) => `${TITLE}${heading}`,
});

test('Status', shows, fixedStatus);
test('Peers', shows, [fixedPeers[0]]);
test('Routes', shows, fixedRoutes);
test('Digest', shows, fixedDigest);
test('Events', shows, fixedEvents);
test('Audit', shows, fixedAudit);
test('Doctor', shows, fixedDoctorReport);
test('Pods', shows, [fixedPod]);
test('Directory', shows, fixedDirectory);
test('Place', shows, fixedPlace);
test('Attachments', shows, fixedAttached);
test('Ipam', shows, fixedIpamStatus);
test('Leases', shows, fixedLeaseCheck(true));
test('Captures', shows, [fixedCapture]);
test('Ping', shows, fixedPing);
test('Matrix', shows, fixedMatrix);
test('Trace', shows, fixedTrace);
test('Explain', shows, fixedExplanation);
test('Drops', shows, fixedDrops);
test('Policies', shows, fixedPolicies);
test('Services', shows, fixedServices);
test('Policy counts', shows, fixedPolicyCounts);
test('Policy rules', shows, fixedPolicyRules);
test('Policy denials', shows, fixedPolicyDenials);
test('Faults', shows, [fixedFault]);
test('Flows', shows, [fixedFlows[0]]);

for (const kind of eventKinds) {
  test(`events of kind ${kind} are documented`, (t) => t.true(text.includes(`| \`${kind}\` |`)));
}

for (const path of controlPaths) {
  test(`${path} is documented`, (t) => t.true(text.includes(`| \`${path}\` |`)));
}

test('every metric is documented', async (t) => {
  const metrics = await fixedMetrics().text();
  const names = [...metrics.matchAll(/^# TYPE (\w+)/gm)].map(([, name]) => name!);
  t.true(names.length > 10);
  t.deepEqual(
    names.filter((name) => !text.includes(`\`${name}\``)),
    [],
  );
});
