/**
 * Faults that somebody injects at this node, for a lab or a test: named, numbered, and handed to the workers.
 *
 * They are nowhere but in memory: a daemon that starts has none. Peers are named by people and numbered for workers; the number of
 * one that comes back may be another, so that it is looked up again and again as long as there is a fault.
 */
import type { FaultCounted } from '../../dataplane/fault-counts.ts';
import { type FaultRule, MAX_FAULT_RULES } from '../../dataplane/fault-rule.ts';
import type { Clock } from '../../env/clock.ts';
import type { Logger } from '../../env/logger.ts';
import type { Random } from '../../env/random.ts';
import { ConflictError, ExhaustedError, NotFoundError } from '../../errors.ts';
import type { Notice } from '../../api/control-api.ts';
import type { EventSink } from '../process/event-log.ts';
import type { Fault, FaultRequest } from '../../api/fault-api.ts';
import { describeFault } from '../../api/fault-words.ts';

/** How often numbers of peers are looked up again, in ms. */
const LOOKUP_INTERVAL_MS = 500;
const US_PER_MS = 1_000;

export interface InjectedFaultsOptions {
  /** Whether this node may inject any. */
  readonly isEnabled: boolean;
  /** Number of the peer of this name in the forwarding state; 0: there is none at the moment. */
  readonly numberOf: (peer: string) => number;
  /** Whether a peer of this name is known at all. */
  readonly isKnown: (peer: string) => boolean;
  /** Resolves when the workers do so. */
  readonly order: (rules: readonly FaultRule[]) => Promise<void>;
  readonly counted: (rule: Pick<FaultRule, 'id' | 'slot'>) => FaultCounted;
  readonly clock: Clock;
  readonly wallClockMs: () => number;
  readonly random: Random;
  readonly events: EventSink;
  readonly logger: Logger;
}

interface KeptFault {
  readonly id: number;
  readonly slot: number;
  readonly request: Required<FaultRequest>;
  readonly since: string;
}

export class InjectedFaults {
  readonly #options: InjectedFaultsOptions;
  #faults: readonly KeptFault[] = [];
  #lastId = 0;
  /** What the workers were told last. */
  #ordered = '[]';
  /** Of the next look at the numbers of peers; an earlier one that comes late does nothing. */
  #look = 0;
  /** Resolves when the workers do what they were told last. */
  #done = Promise.resolve();

  constructor(options: InjectedFaultsOptions) {
    this.#options = options;
  }

  /** All of them, in the order in which they are applied. */
  list(): Fault[] {
    const { numberOf, counted } = this.#options;
    return this.#faults.map(({ id, slot, request, since }) => {
      const inUse = request.peer === '' || numberOf(request.peer) !== 0;
      return { id, ...request, inUse, since, counted: counted({ id, slot }) };
    });
  }

  /**
   * Begins one.
   *
   * @throws ConflictError `faults-off`; NotFoundError `peer-unknown`; ExhaustedError `too-many-faults`
   */
  add(request: FaultRequest): Fault {
    const { isEnabled, isKnown, random, wallClockMs } = this.#options;
    if (!isEnabled)
      throw new ConflictError('faults-off', 'this node injects no faults: that takes faults: on in its configuration');
    const { peer = '' } = request;
    if (peer !== '' && !isKnown(peer)) throw new NotFoundError('peer-unknown', `there is no peer ${peer}`, { peer });
    const slot = Array.from({ length: MAX_FAULT_RULES }, (_, slot) => slot).find((slot) =>
      this.#faults.every((fault) => fault.slot !== slot),
    );
    if (slot === undefined) {
      const limit = { limit: MAX_FAULT_RULES };
      throw new ExhaustedError('too-many-faults', `there are ${MAX_FAULT_RULES} faults already`, limit);
    }
    const nothing = { lossRatio: 0, duplicateRatio: 0, corruptRatio: 0, reorderRatio: 0, delayMs: 0, jitterMs: 0 };
    const complete = { ...nothing, clipBytes: 0, seed: random.uint32(), ...request, peer };
    const since = new Date(wallClockMs()).toISOString();
    const fault = { id: ++this.#lastId, slot, request: complete, since };
    this.#faults = [...this.#faults, fault];
    this.#note('fault-added', fault);
    this.#order();
    return this.list().at(-1)!;
  }

  /** Ends one. @throws NotFoundError `fault-unknown` */
  remove(id: number): Fault {
    const fault = this.list().find((fault) => fault.id === id);
    if (fault === undefined) throw new NotFoundError('fault-unknown', `there is no fault ${id}`, { id });
    this.#end(({ id: other }) => other === id);
    return fault;
  }

  /** Ends all of them, and returns them. */
  clear(): Fault[] {
    const all = this.list();
    this.#end(() => true);
    return all;
  }

  /** Resolves when everything that was added is in force, and nothing that was removed. */
  async inForce(): Promise<void> {
    await this.#done;
  }

  /** What a status must not be silent about. */
  notices(): Notice[] {
    if (this.#faults.length === 0) return [];
    const words = this.#faults.map(({ id, request }) => `${id}: ${describeFault(request)}`).join('; ');
    const message = `faults are injected here, traffic suffers on purpose: ${words}; weft fault rm --all ends them`;
    return [{ code: 'faults-injected', message }];
  }

  /** Looks up no more. What workers were told they do until they end. */
  close(): void {
    this.#look++;
  }

  #end(isEnding: (fault: KeptFault) => boolean): void {
    const ending = this.#faults.filter(isEnding);
    this.#faults = this.#faults.filter((fault) => !ending.includes(fault));
    for (const fault of ending) this.#note('fault-removed', fault);
    this.#order();
  }

  /** Tells the workers, if anything is another than before; and looks again later, as long as there is a fault. */
  #order(): void {
    const look = ++this.#look;
    const rules = this.#faults.flatMap((fault) => this.#ruleOf(fault));
    const ordered = JSON.stringify(rules);
    if (ordered !== this.#ordered) {
      this.#ordered = ordered;
      this.#done = this.#options.order(rules);
    }
    if (this.#faults.length === 0) return;
    this.#options.clock.after(LOOKUP_INTERVAL_MS, () => {
      if (look === this.#look) this.#order();
    });
  }

  /** Nothing if its peer is away: its number would mean nobody, or anybody. */
  #ruleOf({ id, slot, request }: KeptFault): FaultRule[] {
    const { peer: name, delayMs, jitterMs, ...same } = request;
    const peer = name === '' ? 0 : this.#options.numberOf(name);
    if (name !== '' && peer === 0) return [];
    const [delayUs, jitterUs] = [Math.round(delayMs * US_PER_MS), Math.round(jitterMs * US_PER_MS)];
    return [{ id, slot, peer, delayUs, jitterUs, ...same }];
  }

  #note(kind: 'fault-added' | 'fault-removed', { id, request }: KeptFault): void {
    const words = describeFault(request);
    const message = kind === 'fault-added' ? `fault ${id} is injected: ${words}` : `fault ${id} has ended: ${words}`;
    const details = { id, ...request };
    this.#options.events.add(kind, { subject: request.peer || 'all peers', message, details });
    this.#options.logger.warn(details, kind === 'fault-added' ? 'fault injected' : 'fault ended');
  }
}
