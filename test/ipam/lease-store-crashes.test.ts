/**
 * Random histories of leases on a disk that fails, with a look at every point at which the process could have been killed or the power
 * could have been cut: what was acknowledged is there, what was refused is not, what was under way is there as a whole or not at all, and
 * no address is leased twice or lost.
 */
import test, { type ExecutionContext } from 'ava';
import { WeftError } from '../../src/errors.ts';
import { Journal } from '../../src/ipam/journal.ts';
import { LeaseStore } from '../../src/ipam/lease-store.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';
import { formatIpAddress } from '../../src/wire/address.ts';
import { parsePrefix } from '../../src/wire/prefix.ts';
import { SimulatedDisk, type WriteKind } from '../support/simulated-disk.ts';

const HISTORIES = Number(process.env['HISTORIES'] ?? 1_000);
const FIRST_SEED = Number(process.env['SEED'] ?? 1);
const OPERATIONS = 30;
const PODS = 6;

/** Small enough to be full now and then. */
const prefixes = ['10.0.0.0/28', 'fd00::/124'].map((text) => parsePrefix(text)!);
const POOL_SIZE = 13;

/** Pods by name: `ADDRESSES|KNOWN`. In place of addresses that are not known, a `*`. */
type Pods = ReadonlyMap<string, string>;

class Machine {
  bootId = 'boot 1';
  nowMs = 100_000;
}

interface Change {
  readonly pod: string;
  /** `undefined`: the pod goes. */
  readonly becomes: string | undefined;
}

function open(disk: SimulatedDisk, machine: Machine): LeaseStore<string> {
  return new LeaseStore({
    journal: new Journal(disk, 'pods.journal'),
    prefixes,
    clock: { bootId: machine.bootId, sinceBootMs: () => machine.nowMs },
    parseKnown: (value) => (typeof value === 'string' ? value : undefined),
    onSaved: () => {},
    minChangesBytes: 800,
  });
}

function podsIn(store: LeaseStore<string>): Pods {
  return new Map(
    store.all().map(({ lease, known }) => {
      const pod = 'pod' in lease ? lease.pod : '';
      return [pod, `${lease.addresses.map(formatIpAddress).join()}|${known}`];
    }),
  );
}

function withChange(pods: Pods, { pod, becomes }: Change): Pods {
  const changed = new Map(pods);
  if (becomes === undefined) changed.delete(pod);
  else changed.set(pod, becomes);
  return changed;
}

function agrees(found: Pods, expected: Pods): boolean {
  return found.size === expected.size && [...expected].every(([pod, wanted]) => isLike(found.get(pod), wanted));
}

function isLike(found: string | undefined, wanted: string): boolean {
  return found === wanted || (wanted.startsWith('*') && found?.split('|')[1] === wanted.slice(2));
}

/** One history. */
class History {
  readonly #t: ExecutionContext;
  readonly #seed: number;
  readonly #random: SeededRandom;
  readonly #machine = new Machine();
  #disk: SimulatedDisk;
  #store: LeaseStore<string>;
  /** What may be on the disk: one, unless something failed. */
  #possible: Pods[] = [new Map()];
  /** What counts. */
  #memory: Pods = new Map();
  #underWay: Change | undefined;
  /** When each address was last freed, in order. */
  readonly #freedAtMs = new Map<string, number>();
  /** Who had it then, and may have it again at once. */
  readonly #freedBy = new Map<string, string>();
  /** What was read of each file. */
  readonly #read = new Map<string, Pods>();
  #counter = 0;
  #looks = 0;
  #failures = 0;
  /** Probability that a write fails, in percent. */
  readonly #failing: number;

  constructor(t: ExecutionContext, seed: number) {
    this.#t = t;
    this.#seed = seed;
    this.#random = new SeededRandom(seed);
    this.#failing = [0, 0, 5, 30][seed % 4]!;
    this.#disk = new SimulatedDisk(new SeededRandom(seed, 1));
    this.#watch();
    this.#store = open(this.#disk, this.#machine);
  }

  run(): { looks: number; failures: number } {
    this.#store.flush();
    this.#noteStored();
    for (let step = 0; step < OPERATIONS; step++) {
      this.#machine.nowMs += this.#random.below(25_000);
      const roll = this.#random.below(20);
      if (roll === 0) this.#crash('kill');
      else if (roll === 1) this.#crash('power cut');
      else this.#change(`p${this.#random.below(PODS)}`);
    }
    this.#giveEverythingOut();
    return { looks: this.#looks, failures: this.#failures };
  }

  #watch(): void {
    this.#disk.failing = (kind) => this.#fails(kind);
    this.#disk.onWritePoint = () => this.#look();
  }

  #fails(kind: WriteKind): string | undefined {
    if (this.#random.below(100) >= this.#failing) return undefined;
    this.#failures++;
    if (kind === 'append' || kind === 'create') return this.#random.below(3) === 0 ? 'EIO' : 'ENOSPC';
    return 'EIO';
  }

  #change(pod: string): void {
    const before = this.#store.get({ network: 'default', pod });
    const known = `known ${++this.#counter}`;
    const key = { network: 'default', pod };
    if (before === undefined) return this.#refusable({ pod, becomes: `*|${known}` }, () => this.#enter(key, known));
    const becomes = `${before.lease.addresses.map(formatIpAddress).join()}|${known}`;
    const roll = this.#random.below(3);
    if (roll === 0) return this.#refusable({ pod, becomes }, () => this.#store.settle(key, known));
    if (roll === 1) return this.#counting({ pod, becomes }, () => this.#store.keep(key, known));
    this.#counting({ pod, becomes: undefined }, () => this.#store.forget(key));
    for (const address of before.lease.addresses) {
      this.#freedAtMs.delete(formatIpAddress(address));
      this.#freedAtMs.set(formatIpAddress(address), this.#machine.nowMs);
      this.#freedBy.set(formatIpAddress(address), pod);
    }
  }

  #enter(key: { network: string; pod: string }, known: string): void {
    const { addresses } = this.#store.enter(key, known, undefined);
    for (const address of addresses) {
      const atMs = this.#freedAtMs.get(formatIpAddress(address));
      this.#is(
        atMs === undefined ||
          this.#machine.nowMs - atMs >= 60_000 ||
          this.#freedBy.get(formatIpAddress(address)) === key.pod,
        `${formatIpAddress(address)} is given out again too early`,
      );
      this.#freedAtMs.delete(formatIpAddress(address));
    }
  }

  /** What is refused has not happened, and will not; where that is not certain, the error says so. */
  #refusable(change: Change, run: () => void): void {
    this.#underWay = change;
    try {
      run();
      this.#memory = podsIn(this.#store);
      this.#noteStored();
    } catch (error) {
      if (!(error instanceof WeftError)) throw error;
      this.#is(agrees(podsIn(this.#store), this.#memory), `what was refused changed something: ${error.message}`);
      if (error.details['inDoubt'] === true)
        this.#possible.push(
          this.#memory,
          ...this.#possible.map((pods) => withChange(pods, change)),
          withChange(this.#memory, change),
        );
    }
    this.#underWay = undefined;
    this.#look();
  }

  /** What counts at once: stored now or later. */
  #counting(change: Change, run: () => void): void {
    this.#underWay = change;
    const before = this.#memory;
    run();
    this.#memory = podsIn(this.#store);
    if (this.#store.behind === undefined) this.#noteStored();
    else this.#possible.push(before, ...this.#possible.map((pods) => withChange(pods, change)), this.#memory);
    this.#underWay = undefined;
    this.#look();
  }

  #noteStored(): void {
    const isCertain = this.#store.lengthBytes > 0;
    if (isCertain && this.#store.behind === undefined) this.#possible = [this.#memory];
    else this.#possible.push(this.#memory);
  }

  /** Looks at what the next start would find. */
  #look(): void {
    this.#looks++;
    this.#check(this.#disk.afterKill());
    this.#check(this.#disk.afterPowerCut());
  }

  #check(disk: SimulatedDisk): void {
    // Between two writes, most crashes leave the same file.
    const file = disk.read('pods.journal') ?? '';
    const found = this.#read.get(file) ?? podsIn(open(disk, this.#machine));
    this.#read.set(file, found);
    const bases = this.#underWay === undefined ? this.#possible : [...this.#possible, this.#memory];
    const change = this.#underWay;
    const fits = bases.some(
      (base) => agrees(found, base) || (change !== undefined && agrees(found, withChange(base, change))),
    );
    if (!fits)
      this.#is(
        false,
        `found ${show(found)}, possible are ${bases.map(show).join(' or ')} with ${JSON.stringify(change)}`,
      );
  }

  #crash(how: 'kill' | 'power cut'): void {
    this.#disk = how === 'kill' ? this.#disk.afterKill() : this.#disk.afterPowerCut();
    if (how === 'power cut') {
      this.#machine.bootId = `boot ${++this.#counter}`;
      // As if what was freed had been so when the machine was booted.
      const passedMs = 20_000;
      for (const [address, atMs] of this.#freedAtMs)
        this.#freedAtMs.set(address, atMs - this.#machine.nowMs + passedMs);
      for (const [address, atMs] of this.#freedAtMs) if (atMs > 0) this.#freedAtMs.set(address, 0);
      this.#machine.nowMs = passedMs;
    }
    this.#store = open(this.#disk, this.#machine);
    this.#memory = podsIn(this.#store);
    for (const addresses of this.#memory.values())
      for (const address of addresses.split('|')[0]!.split(',')) this.#freedAtMs.delete(address);
    this.#possible = [...this.#possible, this.#memory];
    this.#watch();
    this.#store.flush();
    this.#noteStored();
  }

  /** Every address that no pod has can be given out, once. */
  #giveEverythingOut(): void {
    this.#disk = this.#disk.afterKill();
    this.#store = open(this.#disk, this.#machine);
    this.#machine.nowMs += 60_000;
    const taken = new Set(this.#store.all().flatMap(({ lease }) => lease.addresses.map(formatIpAddress)));
    for (let left = POOL_SIZE - taken.size / 2; left > 0; left--) {
      const { addresses } = this.#store.enter({ network: 'default', pod: `last ${left}` }, '', undefined);
      for (const address of addresses.map(formatIpAddress)) {
        this.#is(!taken.has(address), `${address} is leased twice`);
        taken.add(address);
      }
    }
    let isFull = false;
    try {
      this.#store.enter({ network: 'default', pod: 'one too many' }, '', undefined);
    } catch {
      isFull = true;
    }
    this.#is(isFull, 'there is an address too many');
  }

  #is(isSo: boolean, otherwise: string): void {
    if (!isSo) this.#t.fail(`SEED=${this.#seed} HISTORIES=1: ${otherwise}`);
  }
}

function show(pods: Pods): string {
  return JSON.stringify([...pods]);
}

test(`at every write point of ${HISTORIES} histories, a crash leaves what was acknowledged (from SEED=${FIRST_SEED})`, (t) => {
  t.timeout(300_000);
  let [looks, failures] = [0, 0];
  for (let seed = FIRST_SEED; seed < FIRST_SEED + HISTORIES; seed++) {
    const counts = new History(t, seed).run();
    looks += counts.looks;
    failures += counts.failures;
  }
  t.log(`${looks} crash points looked at, ${failures} writes failed`);
  // So that nobody makes it look at nothing.
  t.true(looks > 100 * HISTORIES);
});
