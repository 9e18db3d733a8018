/**
 * Enforces the plan of this node: keeps the table of policies as it should be, in one transaction for each change, and cuts connections
 * that a change no longer allows.
 *
 *     (nothing) ──apply──> made ──change, prepare, release──> what differs is changed, in one transaction
 *                           ├──repair──> all rules and elements anew, in one transaction: there is no time without them
 *                           ├──(a bug)──> (nothing), and the table stays as it is: another plan takes its place
 *                           └──clear──> (nothing)
 *
 * The table stays when the daemon ends, and the first plan of the next one takes its place in one transaction; counts go on. So there is to
 * be no plan before all policies are known, or those of the daemon before would be forgotten meanwhile.
 */
import type { Notice } from '../../api/control-api.ts';
import { CommandError, SystemCallError, WeftError } from '../../errors.ts';
import { Gathering } from '../../linux/gathering.ts';
import { type NftWitness, OwnedTables } from '../../linux/nft-owned-tables.ts';
import { listTable } from '../../linux/nft-table-listing.ts';
import { POLICY_TABLE, removeTable } from '../../linux/nftables.ts';
import type { NftTableRevision } from '../../linux/nft-table-revision.ts';
import type { IsolationPlan, NodePlan, NodePlanChange } from '../../policy/node-plan.ts';
import { PlanState } from '../../policy/plan-state.ts';
import type { Inspection } from '../audit/audit-finding.ts';
import { tableFindings } from '../audit/table-findings.ts';
import { type Concerned, CutConnections, type CutCounts, restoreConnections } from './cut-connections.ts';
import { holdWithoutPlan } from './held-pods.ts';
import type { PolicyMeans } from './policy-chains.ts';
import { type PolicyDevice, PolicyPieces, type PolicyUpdate } from './policy-pieces.ts';

const PURPOSE = 'enforce network policies';

const WITHOUT_TABLE = 'no network policy is enforced';

/** What is tried, one after the other. */
const attempts: readonly PolicyMeans[] = [{ withLog: true }, { withLog: false }];

export interface PolicyEnforcementOptions {
  /** Who knows what others changed in nftables. */
  readonly witness?: NftWitness | undefined;
  /** Told whenever connections were cut, or go on again. */
  readonly onCut?: (counts: CutCounts) => void;
  /** Told of isolations that are new in the plan, or others than before, before the kernel has their rules. */
  readonly onPlanned?: (isolations: readonly IsolationPlan[]) => void;
  /** Where no pod is isolated, no table is made: it would have the kernel track each packet that the node forwards. */
  readonly isSparing?: boolean;
  /** Where the table is; absent: in nftables. */
  readonly tables?: Pick<OwnedTables, 'make' | 'revise' | 'inspect' | 'forget'>;
  /** Cuts connections; absent: those of the kernel. */
  readonly cuts?: Pick<CutConnections, 'judge'>;
}

export class PolicyEnforcement {
  readonly #tables: NonNullable<PolicyEnforcementOptions['tables']>;
  readonly #onPlanned: NonNullable<PolicyEnforcementOptions['onPlanned']>;
  /** Of pods, by their keys. */
  readonly #devices = new Map<string, PolicyDevice>();
  readonly #cuts: Pick<CutConnections, 'judge'>;
  readonly #isSparing: boolean;
  /** All that waits is one transaction. */
  readonly #updates = new Gathering<PolicyUpdate>(async (updates) =>
    this.#inTurn(async () => this.#tryUpdate(updates)),
  );
  /** `undefined`: no plan was applied yet. */
  #pieces: PolicyPieces | undefined;
  /** Whether the table may not be what the pieces are: all of it is to be made. */
  #isBehind = true;
  /** No table was made since the start. */
  #isUnmade = true;
  /** Why the table is not as it should be. */
  #failure: CommandError | undefined;
  /** Why nobody is told what is denied. */
  #withoutLog: CommandError | undefined;
  #withoutCuts: SystemCallError | undefined;
  #turn: Promise<unknown> = Promise.resolve();
  #cutting: Promise<void> = Promise.resolve();

  constructor({
    witness,
    onCut = () => undefined,
    onPlanned = () => undefined,
    isSparing = false,
    tables,
    cuts,
  }: PolicyEnforcementOptions = {}) {
    this.#onPlanned = onPlanned;
    this.#isSparing = isSparing;
    this.#tables = tables ?? new OwnedTables({ witness });
    this.#cuts = cuts ?? new CutConnections(() => this.#pieces?.plan ?? new PlanState(), onCut);
  }

  /**
   * Has the kernel enforce this plan and nothing else.
   *
   * @throws CommandError if the kernel does not take it: what was enforced before still is.
   */
  async apply(plan: NodePlan): Promise<void> {
    await this.#updates.add({ kind: 'plan', plan });
  }

  /** Changes the plan, which was applied. Resolves when the rules are there; {@link settled} tells of connections. @throws as {@link apply} */
  async change(change: NodePlanChange): Promise<void> {
    await this.#updates.add({ kind: 'change', change });
  }

  /**
   * Has the rules for a pod stand, if the plan has it or as soon as it has. To be called before its device is made.
   *
   * @param device the node's end of its cable. @throws CommandError if the plan has it, and its rules could not be made
   */
  async prepare(pod: string, device: string): Promise<void> {
    await this.#updates.add({ kind: 'device', pod, device: { name: device, isHeld: false } });
  }

  /**
   * Isolates a pod of which nothing is known, in both directions and until it is prepared, or released; also before the first plan. To be
   * called before its device is made.
   *
   * @throws CommandError if the kernel does not take it
   */
  async hold(pod: string, device: string): Promise<void> {
    await this.#updates.add({ kind: 'device', pod, device: { name: device, isHeld: true } });
  }

  /** Forgets the device of a pod. To be called when that is gone. */
  async release(pod: string): Promise<void> {
    await this.#updates.add({ kind: 'device', pod, device: undefined });
  }

  /** Resolves when connections that are not allowed any more are cut, and those that are again are not. */
  async settled(): Promise<void> {
    await this.#cutting;
  }

  /** Looks at the table, if somebody may have changed it. Changes nothing. */
  async inspect(): Promise<Inspection> {
    return await this.#inTurn(async () => {
      const findings = tableFindings(POLICY_TABLE, WITHOUT_TABLE, await this.#tables.inspect());
      return { entries: this.#pieces?.plan.size ?? 0, findings };
    });
  }

  /** Makes the table as it should be, if somebody made something else of it, or the kernel did not take it. @throws as {@link apply} */
  async repair(): Promise<void> {
    await this.#inTurn(async () => {
      if (this.#pieces === undefined) return;
      if (this.#isSpared(this.#pieces)) return;
      if (!this.#isBehind && (await this.#tables.inspect()).length === 0) return;
      await this.#make(this.#pieces);
      if (this.#failure !== undefined) throw this.#failure;
      this.#cut('all');
    });
  }

  /** Enforces nothing any more, and lets connections that were cut go on. @throws CommandError */
  async clear(): Promise<void> {
    await this.#inTurn(async () => {
      await removeTable(POLICY_TABLE);
      this.#tables.forget();
      this.#pieces = undefined;
      this.#isBehind = true;
      this.#failure = undefined;
    });
    await this.#cutting;
    await this.#noticingCuts(restoreConnections());
  }

  /** What the kernel has; `undefined`: it was not made yet, or is not what it should be. */
  get plan(): PlanState | undefined {
    return this.#failure === undefined ? this.#pieces?.plan : undefined;
  }

  /** The same, if the kernel says that nobody made something else of it; `undefined`: what the kernel decides is to be seen in its rules. */
  async confirmedPlan(): Promise<PlanState | undefined> {
    try {
      const { findings } = await this.inspect();
      return findings.length === 0 ? this.plan : undefined;
    } catch (error) {
      if (!(error instanceof WeftError)) throw error;
      return undefined;
    }
  }

  /** What could not be had. */
  notices(): readonly Notice[] {
    return [
      ...(this.#failure === undefined ? [] : [notEnforced(this.#failure)]),
      ...(this.#withoutLog === undefined ? [] : [withoutLog(this.#withoutLog)]),
      ...(this.#withoutCuts === undefined ? [] : [withoutCuts(this.#withoutCuts)]),
    ];
  }

  /** What ends half-way, as nobody expected, leaves what is enforced, and no plan that could be changed. */
  async #tryUpdate(updates: readonly PolicyUpdate[]): Promise<readonly (CommandError | undefined)[]> {
    try {
      return await this.#update(updates);
    } catch (error) {
      if (!(error instanceof WeftError)) {
        this.#tables.forget();
        this.#pieces = undefined;
        this.#isBehind = true;
      }
      throw error;
    }
  }

  /** @returns what each failed with. */
  async #update(updates: readonly PolicyUpdate[]): Promise<readonly (CommandError | undefined)[]> {
    const isPlan = updates.some(({ kind }) => kind === 'plan');
    if (this.#pieces === undefined && !isPlan) {
      await this.#remember(updates);
      return [];
    }
    const pieces = (this.#pieces ??= new PolicyPieces(attempts[0]!, this.#devices));
    const { revision, concerned } = pieces.update(updates);
    this.#onPlanned(updates.flatMap(isolationsOf));
    if (this.#isSpared(pieces)) {
      // What an earlier daemon enforced, or what isolated pods until there was a plan.
      if (isPlan && listTable(POLICY_TABLE) !== undefined) await removeTable(POLICY_TABLE);
      return [];
    }
    const isBehind = this.#isBehind;
    this.#isBehind = true;
    if (isBehind) await this.#make(pieces);
    else await this.#revise(pieces, revision);
    const failure = this.#failure;
    // Of what came before, nobody was cut while the table was not as it should be.
    if (failure === undefined) this.#cut(isPlan || isBehind ? 'all' : concerned);
    // Who has no policies is let in, whatever becomes of those of others.
    return updates.map((update) => (update.kind === 'device' && !this.#isJudged(update.pod) ? undefined : failure));
  }

  #isSpared({ plan }: PolicyPieces): boolean {
    const isAnyHeld = [...this.#devices.values()].some(({ isHeld }) => isHeld);
    return this.#isSparing && this.#isUnmade && plan.size === 0 && !isAnyHeld;
  }

  #isJudged(pod: string): boolean {
    return this.#pieces?.plan.pod(pod) !== undefined || this.#devices.get(pod)?.isHeld === true;
  }

  /** Devices of pods, while there is no plan. */
  async #remember(updates: readonly PolicyUpdate[]): Promise<void> {
    for (const update of updates) {
      if (update.kind !== 'device') throw new RangeError('there is no plan yet that could change');
      if (update.device === undefined) this.#devices.delete(update.pod);
      else this.#devices.set(update.pod, update.device);
    }
    if (updates.some((update) => update.kind === 'device' && update.device?.isHeld === true))
      await holdWithoutPlan(this.#devices);
  }

  async #revise(pieces: PolicyPieces, revision: NftTableRevision): Promise<void> {
    try {
      await this.#tables.revise(POLICY_TABLE, revision, PURPOSE);
      this.#isBehind = false;
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      await this.#make(pieces);
    }
  }

  /** All of the table. If the kernel does not take it, it keeps what it has. */
  async #make(made: PolicyPieces): Promise<void> {
    let failure: CommandError | undefined;
    for (const means of attempts) {
      const pieces = means.withLog === made.means.withLog ? made : made.withMeans(means);
      try {
        await this.#tables.make([pieces.content()], PURPOSE);
      } catch (error) {
        if (!(error instanceof CommandError)) throw error;
        failure ??= error;
        continue;
      }
      this.#pieces = pieces;
      this.#isBehind = false;
      this.#isUnmade = false;
      this.#failure = undefined;
      this.#withoutLog = means.withLog ? undefined : failure;
      return;
    }
    this.#isBehind = true;
    this.#failure = failure;
  }

  #cut(changed: Concerned): void {
    // Of a round that failed, nobody was judged.
    const concerned = this.#withoutCuts === undefined ? changed : 'all';
    if (concerned !== 'all' && concerned.size === 0) return;
    this.#cutting = this.#noticingCuts(this.#cuts.judge(concerned));
  }

  async #noticingCuts(cutting: Promise<void>): Promise<void> {
    try {
      await cutting;
      this.#withoutCuts = undefined;
    } catch (error) {
      if (!(error instanceof SystemCallError)) throw error;
      this.#withoutCuts = error;
    }
  }

  /** One after the other: the table is changed and looked at by one at a time. */
  async #inTurn<Value>(act: () => Promise<Value>): Promise<Value> {
    const turn = this.#turn.then(act);
    this.#turn = turn.catch(() => undefined);
    return await turn;
  }
}

function isolationsOf(update: PolicyUpdate): readonly IsolationPlan[] {
  if (update.kind === 'device') return [];
  return update.kind === 'plan' ? update.plan.isolations : update.change.isolations.changed;
}

function notEnforced({ message }: CommandError): Notice {
  return {
    code: 'policy-not-enforced',
    message: `network policies are enforced as they were, or not at all: ${message}`,
  };
}

function withoutLog({ message }: CommandError): Notice {
  return { code: 'policy-log-unavailable', message: `nobody is told which packets policies deny: ${message}` };
}

function withoutCuts({ message }: SystemCallError): Notice {
  return { code: 'policy-cuts-unavailable', message: `connections that policies no longer allow go on: ${message}` };
}
