import test from 'ava';
import { type AuditedDaemon, auditedParts } from '../../src/daemon/audited-parts.ts';

/** The kernel of a daemon of which this is known, and what was repaired in it. */
function kernelOf(policed: { readonly entries: number; readonly subjects: readonly string[] } | undefined) {
  const repaired: string[] = [];
  const looking = (what: string, entries: number, subjects: readonly string[] = []) => ({
    inspect: () => ({ entries, findings: subjects.map((subject) => ({ problem: 'wrong', subject, message: '' })) }),
    repair: () => repaired.push(what),
    look: () => repaired.push(what),
  });
  const daemon = {
    host: { network: looking('', 10), watch: { ...looking('host', 0), notices: () => [] } },
    pods: looking('pods', 200, ['wf0']),
    policy: policed && { enforcement: looking('policies', policed.entries, policed.subjects) },
  };
  return { kernel: auditedParts(daemon as unknown as AuditedDaemon).kernel, repaired };
}

test('policies are audited with the rest of the kernel, and counted', async (t) => {
  const { kernel, repaired } = kernelOf({ entries: 3_000, subjects: ['inet weft-policy'] });
  const { entries, findings } = await kernel.inspect('periodic');
  t.is(entries, 3_210);
  t.deepEqual(
    findings.map(({ subject }) => subject),
    ['wf0', 'inet weft-policy'],
  );
  await kernel.repair();
  t.deepEqual(repaired, ['host', 'pods', 'policies']);
});

test('where no policies are enforced, the rest is audited', async (t) => {
  const { kernel, repaired } = kernelOf(undefined);
  t.is((await kernel.inspect('periodic')).entries, 210);
  await kernel.repair();
  t.deepEqual(repaired, ['host', 'pods']);
});
