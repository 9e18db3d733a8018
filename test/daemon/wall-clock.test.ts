/** The wall clock can be set, by an hour and backwards: it is for people to read, and nothing may wait for it. */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';

const source = join(import.meta.dirname, '..', '..', 'src');

/** Who reads it, and for what. */
const readers: Readonly<Record<string, string>> = {
  'cli/drops.ts': '--since',
  'cli/events.ts': '--since, and what is today',
  'cli/explain.ts': '--around',
  'cli/flows.ts': '--since',
  'cli/policy-list.ts': 'how long ago a policy was used last',
  'cli/policy-show.ts': 'how long ago a rule was used last',
  'cli/routes.ts': 'since when',
  'cli/status.ts': 'since when',
  'cli/steady-time.ts': 'packets of several nodes are put in order by their times of day',
  'daemon/capture/capture-handlers.ts': 'since when a capture runs',
  'daemon/compose-audit.ts': 'of when an audit is',
  'daemon/compose-balancer.ts': 'since when a node holds a Lease, for people',
  'daemon/compose-directory.ts': 'a version of the pods of this node that is larger than any before',
  'daemon/compose-kubernetes.ts': 'of when what is stored is, and since when the API is away',
  'daemon/compose-pods.ts': 'since when a pod is there',
  'daemon/compose-routes.ts': 'since when a route is in use',
  'daemon/compose-rulebook.ts': 'a version of an object that is larger than any before, and when it was given',
  'daemon/compose.ts': 'times of events',
  'daemon/diagnosis.ts': 'when a rule of a policy was used last',
  'daemon/doctor/doctor.ts': 'since when a node is missed',
  'daemon/doctor/drop-examples.ts': 'from when on drops are looked at, which are shown by times of day',
  'daemon/explain/drops.ts': 'of when a report is',
  'daemon/explain/recorded-packets.ts': 'what times of records are to people',
  'daemon/faults/fault-handlers.ts': 'since when a fault is there',
  'daemon/gossip/gossip.ts': 'since when a member is in its state',
  'daemon/kubernetes/open-api.ts': 'of when what is stored is',
  'daemon/node-state.ts': 'since when a file cannot be stored, and an incarnation that is larger than any before',
};

test('nothing reads the wall clock but what shows it', (t) => {
  const found = globSync('**/*.ts', { cwd: source }).filter((file) =>
    /\bDate\.now\b/.test(readFileSync(join(source, file), 'utf8')),
  );
  t.deepEqual(found.toSorted(), Object.keys(readers));
});
