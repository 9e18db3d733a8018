/**
 * Holds a Lease, or waits for it: one node at most does what it stands for.
 *
 *     asking ──free, or not renewed for as long as it says──> taken ──renewed──> held ──answered by a conflict, or not in time──> asking
 */
import type { Clock } from '../../env/clock.ts';
import type { Logger } from '../../env/logger.ts';
import { leaseObject, type LeaseRecord, type LeaseWish, readLease } from '../../kubernetes/lease-record.ts';
import type { ApiMirror } from './api-mirror.ts';

export interface LeaseHolderOptions {
  readonly api: Pick<ApiMirror, 'ask'>;
  readonly wish: LeaseWish;
  /** Whether this node wants it now: a thousand need not ask for it. */
  readonly isCandidate: () => boolean;
  /** Called when it is held from now on. */
  readonly onHeld: () => void;
  readonly clock: Clock;
  readonly wallClockMs: () => number;
  readonly logger: Logger;
}

/** How often it is asked for, or renewed, in ms. */
const RENEW_MS = 5_000;

const NOT_FOUND = 404;
const CONFLICT = 409;

export class LeaseHolder {
  readonly #options: LeaseHolderOptions;
  /** As it was seen last, and when it was seen like that first. */
  #seen: { readonly record: LeaseRecord; readonly sinceMs: number } | undefined;
  /** Until when it is held for sure; 0: it is not. */
  #heldUntilMs = 0;
  #isStopped = false;
  #problem = '';

  constructor(options: LeaseHolderOptions) {
    this.#options = options;
  }

  start(): void {
    if (this.#isStopped) return;
    const { clock, isCandidate } = this.#options;
    if (isCandidate() || this.isHeld) this.#ask();
    else this.#problem = '';
    clock.after(RENEW_MS, () => this.start());
  }

  /** Whether this node, and no other, has it now. */
  get isHeld(): boolean {
    return !this.#isStopped && this.#options.clock.nowMs() < this.#heldUntilMs;
  }

  /** Why it can be neither had nor waited for; empty: it can. */
  get problem(): string {
    return this.#problem;
  }

  /** Holds it no longer: it runs out. */
  stop(): void {
    this.#isStopped = true;
  }

  #ask(): void {
    const { api, wish, clock } = this.#options;
    const { namespace, name, holder } = wish;
    const all = `/apis/coordination.k8s.io/v1/namespaces/${encodeURIComponent(namespace)}/leases`;
    const path = `${all}/${encodeURIComponent(name)}`;
    api.ask('get', path, undefined, ({ problem, status, body }) => {
      if (status === NOT_FOUND) return this.#write('post', all, undefined);
      if (problem !== '') return this.#fail(problem);
      const record = readLease(body);
      if (record === undefined) return this.#fail(`the Lease ${namespace}/${name} cannot be read`);
      if (this.#seen?.record.renewTime !== record.renewTime || this.#seen.record.holder !== record.holder)
        this.#seen = { record, sinceMs: clock.nowMs() };
      const isOver = clock.nowMs() - this.#seen.sinceMs > record.durationMs;
      if (record.holder !== '' && record.holder !== holder && !isOver) this.#problem = '';
      else this.#write('put', path, record);
    });
  }

  #write(kind: 'post' | 'put', path: string, before: LeaseRecord | undefined): void {
    const { api, wish, clock, wallClockMs, onHeld, logger } = this.#options;
    // It is held from before it is asked for, so that nobody else has it while this node believes to.
    const untilMs = clock.nowMs() + wish.durationMs;
    api.ask(kind, path, leaseObject(wish, before, wallClockMs()), ({ problem, status }) => {
      // Another was faster.
      if (status === CONFLICT) return;
      if (problem !== '') return this.#fail(problem);
      this.#problem = '';
      const wasHeld = this.isHeld;
      this.#heldUntilMs = untilMs;
      if (wasHeld || !this.isHeld) return;
      logger.info({ lease: `${wish.namespace}/${wish.name}` }, 'this node gives services addresses of load balancers');
      onHeld();
    });
  }

  #fail(problem: string): void {
    if (problem !== this.#problem) this.#options.logger.warn({ problem }, 'a Lease can neither be had nor waited for');
    this.#problem = problem;
  }
}
