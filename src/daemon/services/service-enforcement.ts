/**
 * Has the kernel of this node send what is for services to their backends: keeps the table of services as the plan has it, in one
 * transaction for each change.
 *
 *     (nothing) ──change──> made ──change──> what differs is changed
 *                            ├──repair──> all rules and elements anew, in one transaction: there is no time without them
 *                            └──change to no service──> (nothing)
 *
 * The table stays when the daemon ends, and the first plan of the next one takes its place in one transaction. So there is to be no plan
 * before all services are known, or those of the daemon before would be forgotten meanwhile.
 */
import type { Notice } from '../../api/control-api.ts';
import { WeftError } from '../../errors.ts';
import { Gathering } from '../../linux/gathering.ts';
import { type NftWitness, OwnedTables } from '../../linux/nft-owned-tables.ts';
import { SERVICE_TABLE } from '../../linux/nftables.ts';
import { mergedChanges, type ServicePlanChange } from '../../services/service-planner.ts';
import type { Inspection } from '../audit/audit-finding.ts';
import { tableFindings } from '../audit/table-findings.ts';
import { ServicePieces } from './service-pieces.ts';
import type { ServiceTableOptions } from './service-tables.ts';

const PURPOSE = 'send what is for services to their backends';

const WITHOUT_TABLE = 'no service is reached';

export interface ServiceEnforcementOptions {
  /** Of this node, as backends name it. */
  readonly nodeName: string;
  readonly table: ServiceTableOptions;
  /** Who knows what others changed in nftables. */
  readonly witness?: NftWitness | undefined;
  /** Where the table is; absent: in nftables. */
  readonly tables?: Pick<OwnedTables, 'make' | 'revise' | 'inspect' | 'remove'>;
}

export class ServiceEnforcement {
  readonly #tables: NonNullable<ServiceEnforcementOptions['tables']>;
  readonly #pieces: ServicePieces;
  /** All that waits is one transaction. */
  readonly #changes = new Gathering<ServicePlanChange>(async (changes) =>
    this.#inTurn(async () => this.#change(changes)),
  );
  /** Whether the table may not be what the pieces are: all of it is to be made. */
  #isBehind = true;
  #isBegun = false;
  #isRemoved = false;
  /** Why the table is not as it should be. */
  #failure: WeftError | undefined;
  #turn: Promise<unknown> = Promise.resolve();

  constructor({ nodeName, table, witness, tables }: ServiceEnforcementOptions) {
    this.#tables = tables ?? new OwnedTables({ witness });
    this.#pieces = new ServicePieces(nodeName, table);
  }

  /** Has the kernel follow the plan. The first one is all of it. @throws WeftError if the kernel does not take it: it has what it had */
  async change(change: ServicePlanChange): Promise<void> {
    await this.#changes.add(change);
  }

  /** Looks at the table, if somebody may have changed it. Changes nothing. */
  async inspect(): Promise<Inspection> {
    return await this.#inTurn(async () => ({
      entries: this.#pieces.size,
      findings: tableFindings(SERVICE_TABLE, WITHOUT_TABLE, await this.#tables.inspect()),
    }));
  }

  /** Makes the table as it should be, if somebody made something else of it, or the kernel did not take it. @throws WeftError */
  async repair(): Promise<void> {
    await this.#inTurn(async () => {
      if (!this.#isBegun) return;
      if (this.#pieces.size === 0) return await this.#remove();
      if (!this.#isBehind && (await this.#tables.inspect()).length === 0) return;
      await this.#make();
      if (this.#failure !== undefined) throw this.#failure;
    });
  }

  /** The frontends that the kernel has; `undefined`: it was given none yet, or does not have what it should. */
  get frontends(): Pick<ServicePieces, 'frontend' | 'frontends' | 'hasAddress' | 'size'> | undefined {
    return this.#isBegun && this.#failure === undefined ? this.#pieces : undefined;
  }

  /** Their number, if the kernel says that nobody made something else of them; `undefined`: what it does is to be seen in its rules. */
  async confirmedSize(): Promise<number | undefined> {
    const { entries, findings } = await this.inspect();
    return this.frontends === undefined || findings.length > 0 ? undefined : entries;
  }

  notices(): readonly Notice[] {
    if (this.#failure === undefined) return [];
    const { message } = this.#failure;
    return [{ code: 'services-not-followed', message: `services are reached as they were, or not at all: ${message}` }];
  }

  async #change(changes: readonly ServicePlanChange[]): Promise<readonly (WeftError | undefined)[]> {
    const revision = this.#pieces.update(mergedChanges(changes));
    this.#isBegun = true;
    if (this.#pieces.size === 0) {
      await this.#remove();
      return [];
    }
    this.#isRemoved = false;
    if (this.#isBehind) await this.#make();
    else {
      this.#isBehind = true;
      try {
        await this.#tables.revise(SERVICE_TABLE, revision, PURPOSE);
        this.#isBehind = false;
        this.#failure = undefined;
      } catch (error) {
        if (!(error instanceof WeftError)) throw error;
        await this.#make();
      }
    }
    return changes.map(() => this.#failure);
  }

  /** Without services there is no table, as it would have the kernel track connections; an earlier daemon may have left one. */
  async #remove(): Promise<void> {
    if (this.#isRemoved) return;
    await this.#tables.remove(SERVICE_TABLE);
    this.#isRemoved = true;
    this.#isBehind = true;
    this.#failure = undefined;
  }

  async #make(): Promise<void> {
    this.#isBehind = true;
    try {
      await this.#tables.make([this.#pieces.content()], PURPOSE);
      this.#isBehind = false;
      this.#failure = undefined;
    } catch (error) {
      if (!(error instanceof WeftError)) throw error;
      this.#failure = error;
    }
  }

  /** One after the other: the table is changed and looked at by one at a time. */
  async #inTurn<Value>(act: () => Promise<Value>): Promise<Value> {
    const turn = this.#turn.then(act);
    this.#turn = turn.catch(() => undefined);
    return await turn;
  }
}
