/** Orders of operators: given here or heard of, carried out, and passed on. */
import type { Clock } from '../env/clock.ts';
import { WeftError } from '../errors.ts';
import type { Endpoint } from '../wire/address.ts';
import type { Member } from './announcement.ts';
import type { Claims } from './claims.ts';
import { DatagramTag } from './codec.ts';
import { encodeDirective } from './directive-codec.ts';
import { forgetOrder, forgottenBy, type Directives } from './directives.ts';
import type { Dissemination } from './dissemination.ts';
import { isLive, type MemberTable } from './member-table.ts';
import type { AgedDirective, Directive } from './message.ts';
import type { Refusals } from './refusals.ts';

export interface OrdersOptions {
  readonly clock: Clock;
  readonly table: MemberTable;
  readonly claims: Claims;
  readonly directives: Directives;
  readonly dissemination: Dissemination;
  readonly refusals: Refusals;
  /** There is news to spread. */
  readonly onNews: () => void;
  readonly onDirective: (directive: Directive) => void;
}

export class Orders {
  readonly #options: OrdersOptions;

  constructor(options: OrdersOptions) {
    this.#options = options;
  }

  /** Takes a directive that came from `from`. */
  take(from: Endpoint, aged: AgedDirective): void {
    const outcome = this.#options.directives.take(aged);
    if (outcome === 'full') this.#options.refusals.count('directives-full', from);
    if (outcome === 'new') this.#carryOut(aged);
  }

  /** Gives an order; see `Membership.issue`. */
  issue(subject: string, content: Uint8Array): void {
    const aged = { directive: this.#options.directives.make(subject, content), ageSeconds: 0 };
    this.#options.directives.take(aged);
    this.#carryOut(aged);
  }

  /** Gives the order to forget a member; see `Membership.forget`. */
  forget(identityOrName: string): readonly Member[] {
    const named = this.#options.table
      .members()
      .filter(({ announcement: { identity, name } }) => identity === identityOrName || name === identityOrName);
    const gone = named.filter(({ state }) => !isLive(state));
    const details = { peer: identityOrName };
    if (named.length === 0) {
      throw new WeftError('peer-unknown', `peer ${identityOrName}: nobody of that name or identity is known`, details);
    }
    if (gone.length === 0) {
      const message = `peer ${identityOrName}: is ${named[0]!.state}: stop it first, and wait until it is dead or left`;
      throw new WeftError('peer-alive', message, details);
    }
    for (const { announcement, incarnation } of gone) {
      const { subject, content } = forgetOrder(announcement.identity, incarnation);
      this.issue(subject, content);
    }
    return gone;
  }

  #carryOut(aged: AgedDirective): void {
    const { clock, claims, dissemination, onNews, onDirective } = this.#options;
    const { directive } = aged;
    const bytes = encodeDirective(aged);
    const news = { about: directive.subject, tag: DatagramTag.directive, bytes, announcedMs: undefined };
    dissemination.enqueue(news, clock.nowMs());
    onNews();
    const forgotten = forgottenBy(directive);
    if (forgotten !== undefined) claims.forget(forgotten.identity, forgotten.incarnation);
    onDirective(directive);
  }
}
