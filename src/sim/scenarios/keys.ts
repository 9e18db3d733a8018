/** The key of the cluster is exchanged. */
import { keyNumber } from '../node-keys.ts';
import type { Scenario, Stage } from '../scenario.ts';
import { Stranger } from '../stranger.ts';

const FIRST_MS = 2_000;

/** An operator looks whether all have confirmed this often. */
const LOOK_MS = 500;

export const keyRotation: Scenario = {
  name: 'key-rotation',
  meaning: 'a key is added, used, and the old one removed, each when all have confirmed; strangers try to get in',
  durationMs: 300_000,
  lossProbability: 0.1,
  isAuthenticated: true,
  forbidsDeaths: true,
  run: (stage) => {
    const { cluster, mark, measure } = stage;
    const { clock } = cluster;
    const cipher = cluster.cipher!;
    const places = [cluster.nodes.size + 1, cluster.nodes.size + 2] as const;
    const strangers = [
      new Stranger(cluster, places[0], cluster.seed),
      new Stranger(cluster, places[1], cluster.seed, cipher),
    ];
    for (const stranger of strangers) stranger.come();
    clock.advance(FIRST_MS);
    const [old, fresh] = [keyNumber(cipher, 0), keyNumber(cipher, 1)];
    const operator = cluster.node(cluster.random.pick(cluster.running()));
    measure();
    mark('add');
    operator.keys!.give({ kind: 'add', key: fresh }, operator.membership);
    awaitKeys(stage, [old.id, fresh.id]);
    mark('use');
    operator.keys!.give({ kind: 'use', id: fresh.id }, operator.membership);
    awaitKeys(stage, [fresh.id, old.id]);
    mark('remove');
    operator.keys!.give({ kind: 'remove', id: old.id }, operator.membership);
    awaitKeys(stage, [fresh.id]);
    mark('done');
    clock.advance(FIRST_MS);
    for (const stranger of strangers) stranger.go();
  },
};

/** Waits until everybody sees that everybody has these keys, or time is up. */
function awaitKeys({ cluster, endMs }: Stage, keyIds: readonly string[]): void {
  const { clock, agreement } = cluster;
  for (const [number, { announcement }] of cluster.nodes) agreement.expect(number, { ...announcement, keyIds });
  while (!agreement.isReached && clock.nowMs() < endMs) clock.advance(LOOK_MS);
}
