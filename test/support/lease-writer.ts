/**
 * Adds, changes and removes leases until it is killed. Before each step it says what it is about to do, and after it that it is done:
 *
 *     node test/support/lease-writer.ts DIRECTORY SEED
 */
import { writeSync } from 'node:fs';
import { Journal } from '../../src/ipam/journal.ts';
import { LeaseStore } from '../../src/ipam/lease-store.ts';
import { openBootClock } from '../../src/linux/boot-clock.ts';
import { JournalDirectory } from '../../src/linux/journal-directory.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';
import { parsePrefix } from '../../src/wire/prefix.ts';

/** A store as the writer and those who look after it have it. */
export function openLeases(directory: string): LeaseStore<string> {
  return new LeaseStore({
    journal: new Journal(new JournalDirectory(directory), 'pods.journal'),
    prefixes: [parsePrefix('10.0.0.0/16')!],
    clock: openBootClock(),
    parseKnown: (value) => (typeof value === 'string' ? value : undefined),
    onSaved: () => {},
  });
}

if (import.meta.main) write(process.argv[2]!, Number(process.argv[3]));

function write(directory: string, seed: number): void {
  const random = new SeededRandom(seed);
  const store = openLeases(directory);
  store.flush();
  for (let step = 0; ; step++) {
    const pod = `p${random.below(20)}`;
    const key = { network: 'default', pod };
    // Long enough that the journal is written anew now and then.
    const known = `${seed}-${step}`.padEnd(400, '.');
    const isThere = store.get(key) !== undefined;
    const isRemoval = isThere && random.below(3) === 0;
    say(`begin ${pod} ${isRemoval ? '-' : known}`);
    if (isRemoval) store.forget(key);
    else if (isThere) store.settle(key, known);
    else store.enter(key, known, undefined);
    say('done');
  }
}

/** Not lost when the process is killed. */
function say(line: string): void {
  writeSync(1, `${line}\n`);
}
