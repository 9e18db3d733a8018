/**
 * How long it takes until every node decides by a change of policies, of labels, or of whose pod has an address. In virtual time, with the
 * planner of each node. `NODES=1000 ROUNDS=25` takes minutes.
 */
import test from 'ava';
import type { DirectoryPod } from '../../src/directory/directory-pod.ts';
import { SimulatedCluster } from '../../src/sim/cluster.ts';
import { identityOf } from '../../src/sim/node-announcement.ts';
import { podOf } from '../../src/sim/node-pods.ts';
import { percentiles } from '../../src/sim/result.ts';
import { fairWeather, lossyWeather } from '../../src/sim/weather.ts';
import { PolicyJudge } from '../support/policy-judge.ts';

const nodes = Number(process.env['NODES'] ?? 60);
const seed = Number(process.env['SEED'] ?? 1);
const rounds = Number(process.env['ROUNDS'] ?? 10);

/** Within so long, in ms, 99 changes in a hundred are what every node goes by: see docs/policy.md. */
const SPREAD_MS = 2_000;

/** Whose pods change, and are looked at. All nodes have as many pods. */
const OWNERS = 4;
const PODS = 30;

/** Something changes this often, and it is looked this often, in ms. */
const CHANGE_MS = 500;
const LOOK_MS = 10;

/** When all that changed has to be known everywhere, in ms. */
const AFTER_MS = 8_000;

/** Which pods of an owner. The second one is another each time, with the same address. */
const Serial = { relabelled: 0, recreated: 1, manyFrom: 2, manyTo: 22, guest: 22 } as const;

const kinds = {
  'a policy is given, changed or deleted': [],
  'labels of a pod': [Serial.relabelled],
  'a pod with the address of another': [Serial.recreated],
  'labels of 20 pods of a node': Array.from(
    { length: Serial.manyTo - Serial.manyFrom },
    (_, index) => Serial.manyFrom + index,
  ),
} as const;

type Kind = keyof typeof kinds;

/** What was changed, and who does not go by it yet. */
interface Change {
  readonly kind: Kind;
  readonly owner: number;
  readonly serials: readonly number[];
  readonly isAllowed: boolean;
  readonly sinceMs: number;
  readonly pending: Set<number>;
}

/** Lets in pods with one of these roles. */
function policyOf(name: string, roles: readonly string[]): string {
  const matchExpressions = [{ key: 'role', operator: 'In', values: roles }];
  return JSON.stringify({
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { name, namespace: 'shop' },
    spec: { podSelector: {}, ingress: [{ from: [{ podSelector: { matchExpressions } }] }] },
  });
}

/** What `guests` is, by turns, and whether guests are let in then. */
const guests = [
  { object: policyOf('guests', ['guest']), isAllowed: true },
  { object: policyOf('guests', ['nobody']), isAllowed: false },
  { object: policyOf('guests', ['guest', 'nobody']), isAllowed: true },
  { object: undefined, isAllowed: false },
] as const;

class Spread {
  readonly #cluster: SimulatedCluster;
  readonly #judges: ReadonlyMap<number, PolicyJudge>;
  readonly #owners: readonly number[];
  readonly #identities: readonly string[];
  readonly #changes = new Set<Change>();
  /** Of the pods of an owner: whether they are let in, and how many pods have had that place. */
  readonly #places = new Map<string, { isAllowed: boolean; lives: number }>();
  readonly #turns = new Map<Kind, number>();
  readonly spreadMs = new Map<Kind, number[]>(Object.keys(kinds).map((kind) => [kind as Kind, []]));

  constructor(cluster: SimulatedCluster) {
    this.#cluster = cluster;
    this.#owners = cluster.random.some([...cluster.nodes.keys()], OWNERS);
    this.#identities = this.#owners.map(identityOf);
    for (const owner of this.#owners) this.#announce(owner);
    cluster.startSettled();
    this.#give('clients', policyOf('clients', ['client']));
    cluster.clock.advance(AFTER_MS);
    this.#judges = new Map([...cluster.nodes.keys()].map((number) => [number, new PolicyJudge(cluster, number)]));
    for (const judge of this.#judges.values()) judge.update(this.#identities);
  }

  /** Changes something in turn, until each kind has changed so often. */
  run(rounds: number): void {
    const { clock } = this.#cluster;
    const endMs = clock.nowMs() + AFTER_MS + CHANGE_MS * rounds * this.spreadMs.size;
    for (let turn = 0; clock.nowMs() < endMs; turn++) {
      const step = turn % (CHANGE_MS / LOOK_MS);
      if (step === 0 && clock.nowMs() < endMs - AFTER_MS) this.#change(turn / (CHANGE_MS / LOOK_MS));
      clock.advance(LOOK_MS);
      this.#look();
    }
  }

  /** What some nodes do not go by yet. */
  get pending(): readonly Change[] {
    return [...this.#changes];
  }

  #change(turn: number): void {
    const kind = Object.keys(kinds)[turn % this.spreadMs.size] as Kind;
    const owner = this.#owners[Math.floor(turn / this.spreadMs.size) % OWNERS]!;
    const isPolicy = kind === 'a policy is given, changed or deleted';
    const sinceMs = this.#cluster.clock.nowMs();
    const serials = isPolicy ? [Serial.guest] : kinds[kind];
    const isAllowed = isPolicy ? this.#changePolicy() : this.#changePods(owner, serials);
    const pending = new Set([...this.#judges.keys()].filter((number) => number !== owner));
    this.#changes.add({ kind, owner, serials, isAllowed, sinceMs, pending });
  }

  #changePolicy(): boolean {
    const turn = this.#turns.get('a policy is given, changed or deleted') ?? 0;
    this.#turns.set('a policy is given, changed or deleted', turn + 1);
    const { object, isAllowed } = guests[turn % guests.length]!;
    this.#give('guests', object);
    return isAllowed;
  }

  #changePods(owner: number, serials: readonly number[]): boolean {
    for (const serial of serials) {
      const place = this.#placeOf(owner, serial);
      this.#places.set(`${owner} ${serial}`, { isAllowed: !place.isAllowed, lives: place.lives + 1 });
    }
    this.#announce(owner);
    return this.#placeOf(owner, serials[0]!).isAllowed;
  }

  /** Who goes by it is not asked any more. */
  #look(): void {
    const nowMs = this.#cluster.clock.nowMs();
    for (const change of this.#changes) {
      for (const number of change.pending) {
        const judge = this.#judges.get(number)!;
        judge.update(this.#identities);
        const addresses = change.serials.map((serial) => podOf(change.owner, serial).addresses[0]!);
        if (addresses.every((address) => judge.allows(address) === change.isAllowed)) change.pending.delete(number);
      }
      if (change.pending.size > 0) continue;
      this.spreadMs.get(change.kind)!.push(nowMs - change.sinceMs);
      this.#changes.delete(change);
    }
  }

  #placeOf(owner: number, serial: number): { readonly isAllowed: boolean; readonly lives: number } {
    return this.#places.get(`${owner} ${serial}`) ?? { isAllowed: false, lives: 0 };
  }

  #announce(owner: number): void {
    this.#cluster.node(owner).replacePods(Array.from({ length: PODS }, (_, serial) => this.#podAt(owner, serial)));
  }

  #podAt(owner: number, serial: number): DirectoryPod {
    const { isAllowed, lives } = this.#placeOf(owner, serial);
    const role = serial === Serial.guest ? 'guest' : isAllowed ? 'client' : 'other';
    const pod = podOf(owner, serial);
    const name = serial === Serial.recreated ? `${pod.name}-${lives}` : pod.name;
    return { ...pod, name, namespace: 'shop', labels: { ...pod.labels, role } };
  }

  #give(name: string, object: string | undefined): void {
    const node = this.#cluster.node(this.#cluster.random.pick(this.#cluster.running()));
    node.rulebook.give([{ kind: 'NetworkPolicy', namespace: 'shop', name, object }], () => undefined);
  }
}

const weathers = { 'nothing is lost': fairWeather, 'one packet in fifty is lost': lossyWeather(0.02) };

for (const [where, weather] of Object.entries(weathers))
  test(`of ${nodes} nodes, where ${where}, the last goes by a change within two seconds (SEED=${seed})`, (t) => {
    const spread = new Spread(new SimulatedCluster({ nodes, seed, podsPerNode: PODS, weather }));
    spread.run(rounds);
    t.deepEqual(spread.pending, []);
    for (const [kind, timesMs] of spread.spreadMs) {
      t.is(timesMs.length, rounds);
      const { p50, p99, max } = percentiles(timesMs);
      t.log(`${kind}: p50 ${p50} ms, p99 ${p99} ms, most ${max} ms`);
      t.true(p50 > LOOK_MS, 'some nodes go by the state before for a while');
      t.true(p99 <= SPREAD_MS, `${kind}: p99 is ${p99} ms`);
    }
  });
