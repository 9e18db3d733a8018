/** What is claimed of members: merged, answered where it is about this node, and passed on if it is news. */
import type { Clock } from '../env/clock.ts';
import type { Logger } from '../env/logger.ts';
import type { Endpoint } from '../wire/address.ts';
import type { Directives } from './directives.ts';
import type { Dissemination } from './dissemination.ts';
import { MAX_INCARNATION_JUMP } from './limits.ts';
import type { LocalHealth } from './local-health.ts';
import type { LocalMember } from './local-member.ts';
import { claimOf, isLive, supersedes, type MemberTable } from './member-table.ts';
import type { MemberRecord } from './member-record.ts';
import type { Claim } from './message.ts';
import { newsOf } from './outbox.ts';
import type { PodGossip } from './pod-gossip.ts';
import type { Refusals } from './refusals.ts';
import type { Suspicions } from './suspicion.ts';

/** A member that an exchange brought is news if it came into its state, or announced what it announces, within this time. */
const YOUNG_MS = 2_000;

export interface ClaimsOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly local: LocalMember;
  readonly table: MemberTable;
  readonly directives: Directives;
  readonly dissemination: Dissemination;
  readonly suspicions: Suspicions;
  readonly refusals: Refusals;
  readonly health: LocalHealth;
  readonly pods: PodGossip | undefined;
  /** A member is in another state than before, or new. */
  readonly onState: (record: MemberRecord) => void;
  /** There is news to spread. */
  readonly onNews: () => void;
}

export class Claims {
  readonly #options: ClaimsOptions;
  /** How often this node refuted what was claimed of it. */
  refutations = 0;
  /** How often a member became suspect, how often one of them was alive after all, and how often one died. */
  suspicionsStarted = 0;
  suspicionsRefuted = 0;
  deaths = 0;

  constructor(options: ClaimsOptions) {
    this.#options = options;
  }

  /** Takes a claim that came from `from` in a datagram. */
  take(from: Endpoint, claim: Claim): void {
    this.#take(from, claim, true);
  }

  #take(from: Endpoint, claim: Claim, isNews: boolean): void {
    const { clock, local, table, directives, refusals } = this.#options;
    if (claim.identity === local.announcement.identity) return this.#takeOfSelf(from, claim);
    if (claim.incarnation <= directives.forgottenUpTo(claim.identity)) return;
    const known = table.get(claim.identity);
    if (known !== undefined && claim.incarnation > known.incarnation + MAX_INCARNATION_JUMP) {
      return refusals.count('incarnation-jump', from);
    }
    const outcome = table.apply(claim, clock.nowMs());
    if (outcome === 'full') return refusals.count('members-full', from);
    if (outcome !== 'changed') return this.#confirm(claim);
    this.#spread(table.get(claim.identity)!, known, claim.accusers ?? [], isNews || known !== undefined);
  }

  /** Takes a claim that is known from before: nobody has to be told. */
  recall(claim: Claim): void {
    const { clock, local, table, onState } = this.#options;
    if (claim.identity === local.announcement.identity) return;
    if (table.apply(claim, clock.nowMs()) === 'changed') onState(table.get(claim.identity)!);
  }

  /**
   * Takes a claim out of an exchange. Somebody else's dead member that is live here is only suspected, as in memberlist:
   * when a partition heals, those on the other side get their chance to refute before their routes go.
   *
   * A member that was not known is passed on only if it is young. All others would be told once more, by everybody who
   * joins, of each member that there is; and who does not know it either finds that out by exchanges.
   */
  takeExchanged(from: Endpoint, claim: Claim): void {
    const { local, table } = this.#options;
    const known = table.get(claim.identity);
    const isNewsOfDeath = claim.state === 'dead' && known !== undefined && isLive(known.state);
    const isOfSelf = claim.identity === local.announcement.identity;
    const taken: Claim = isNewsOfDeath && !isOfSelf ? { ...claim, state: 'suspect', ageSeconds: 0 } : claim;
    this.#take(from, taken, Math.min(1_000 * claim.ageSeconds, claim.announcementAgeMs ?? 0) < YOUNG_MS);
  }

  /** This node itself found a member suspect or dead; `incarnation` says whether that is still news. */
  declare(identity: string, incarnation: number, state: 'suspect' | 'dead'): void {
    const { clock, local, table } = this.#options;
    const known = table.get(identity);
    if (known === undefined || known.incarnation !== incarnation) return;
    const accusers = [local.announcement.identity];
    const claim: Claim = { identity, incarnation, state, sealed: undefined, announcedAt: incarnation, ageSeconds: 0 };
    if (!supersedes(claim, known)) return this.#confirm({ ...claim, accusers });
    table.apply(claim, clock.nowMs());
    this.#spread(table.get(identity)!, known, accusers, true);
  }

  /** What this node says of itself has changed. */
  publishSelf(): void {
    const { clock, local, table } = this.#options;
    const before = table.get(local.announcement.identity);
    table.setSelf(local.claim(), clock.nowMs());
    this.#pass(table.get(local.announcement.identity)!, before);
  }

  /** To be called now and then: this node says that it is no longer slow, if it is not. */
  recover(): void {
    const { health, local } = this.#options;
    if (!health.recover()) return;
    local.slow(0);
    local.renew();
    this.publishSelf();
  }

  /** A member was ordered to be forgotten, up to `incarnation`. */
  forget(identity: string, incarnation: number): void {
    const { local, table, dissemination, suspicions, logger } = this.#options;
    if (identity === local.announcement.identity) {
      if (local.outlive(incarnation)) this.publishSelf();
      return;
    }
    const known = table.get(identity);
    if (known === undefined || !table.forget(identity, incarnation)) return;
    dissemination.drop(identity);
    suspicions.end(identity);
    logger.info({ member: known.announcement.name, identity, incarnation }, 'member forgotten');
  }

  #takeOfSelf(from: Endpoint, claim: Claim): void {
    const { clock, local, table, logger, refusals, health, pods } = this.#options;
    const known = table.get(claim.identity)!;
    if (claim.incarnation > known.incarnation + MAX_INCARNATION_JUMP) return refusals.count('incarnation-jump', from);
    const summary = claim.sealed?.announcement.podSummary;
    if (summary !== undefined) pods?.takeSummaryOfSelf(summary);
    const wasContested = local.contestedBy !== undefined;
    const outcome = local.contest(claim, clock.nowMs());
    if (outcome === 'agrees') return;
    if (outcome === 'outbid') {
      this.refutations++;
      // What is left of an earlier life is no sign of illness; a suspicion of what this node said in this one is.
      if (claim.incarnation === known.incarnation && claim.state !== 'alive') local.slow(health.refuted());
      logger.debug({ state: claim.state, incarnation: claim.incarnation }, 'claim about this node refuted');
      this.publishSelf();
    } else if (!wasContested) {
      logger.error({ identity: claim.identity }, 'another process bears the identity of this node and has prevailed');
    }
  }

  /** A claim that changes nothing may still confirm a suspicion. */
  #confirm(claim: Claim): void {
    const { table, suspicions } = this.#options;
    const known = table.get(claim.identity);
    if (claim.state !== 'suspect' || claim.accusers === undefined) return;
    if (known?.state !== 'suspect' || known.incarnation !== claim.incarnation) return;
    if (suspicions.accuse(claim.identity, claim.incarnation, claim.accusers)) this.#pass(known, known);
  }

  /** A member changed: passes that on if it is news, logs it, and begins a suspicion if it is one. */
  #spread(record: MemberRecord, before: MemberRecord | undefined, accusers: readonly string[], isNews: boolean): void {
    const { logger, suspicions, onState } = this.#options;
    const { announcement, state, incarnation } = record;
    const { identity } = announcement;
    if (state === 'suspect') suspicions.accuse(identity, incarnation, accusers);
    else suspicions.end(identity);
    if (isNews) this.#pass(record, before);
    if (before?.state === state) return;
    if (state === 'suspect') this.suspicionsStarted++;
    if (state === 'dead') this.deaths++;
    if (state === 'alive' && before?.state === 'suspect') this.suspicionsRefuted++;
    const fields = { member: announcement.name, identity, state, before: before?.state, incarnation };
    logger.info(fields, 'member changed state');
    onState(record);
  }

  /** Tells others: with the announcement if that is news, or may not have reached everybody yet. */
  #pass(record: MemberRecord, before: MemberRecord | undefined): void {
    const { clock, dissemination, suspicions, onNews } = this.#options;
    const { announcement, incarnation } = record;
    const nowMs = clock.nowMs();
    const claim = { ...claimOf(record, nowMs), accusers: suspicions.accusersOf(announcement.identity) };
    const isNewAnnouncement = before?.announcedAt !== record.announcedAt || before.announcement !== announcement;
    const carriesAnnouncement = isNewAnnouncement || dissemination.holdsAnnouncement(announcement.identity);
    const told = carriesAnnouncement ? claim : { ...claim, sealed: undefined, announcedAt: incarnation };
    dissemination.enqueue(newsOf(told, nowMs), nowMs);
    onNews();
  }
}
