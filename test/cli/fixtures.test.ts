/** What views are given in tests has the names and words that a daemon gives: else the views are tested on what never is. */
import test from 'ava';
import { refusals } from '../../src/daemon/rules/node-rules.ts';
import { dropReasons } from '../../src/dataplane/drop-reason.ts';
import { kernelDropReasons } from '../../src/dataplane/kernel-drop-reasons.ts';
import { catalogue } from '../../src/doctor/catalogue.ts';
import { refusalReasons } from '../../src/membership/refusals.ts';
import { fixedDoctorReport, fixedDrops, fixedStatus } from '../support/fixed-handlers.ts';

const words: Readonly<Record<string, string>>[] = [...dropReasons, ...kernelDropReasons].map(
  ({ name, meaning, cause, remedy }) => ({ name, meaning, cause, remedy }),
);

for (const { reason, meaning, cause, remedy } of [...fixedDrops.reasons, ...fixedDrops.kernel]) {
  test(`${reason} has the words of its drop reason`, (t) => {
    t.deepEqual(
      words.find(({ name }) => name === reason),
      { name: reason, meaning, cause, remedy },
    );
  });
}

test('the status counts what a daemon counts', (t) => {
  const { kernel, gossip } = fixedStatus;
  const counted: readonly string[] = [...refusals, ...kernelDropReasons.map(({ name }) => name)];
  t.deepEqual(Object.keys(kernel.refused).toSorted(), counted.toSorted());
  const messages: readonly string[] = refusalReasons;
  t.deepEqual(
    Object.keys(gossip.refused).filter((reason) => !messages.includes(reason)),
    [],
  );
});

test('the doctor finds what its checks find', (t) => {
  const found = [fixedDoctorReport.shared, ...fixedDoctorReport.nodes.map(({ findings }) => findings)].flat();
  const finds = new Set(Object.values(catalogue).flatMap((check) => Object.keys(check.finds)));
  t.deepEqual(
    found.map(({ id }) => id).filter((id) => !finds.has(id)),
    [],
  );
});
