/**
 * Keeps the node's nftables table: makes it, has its sets follow the nodes that are known, and tells what it refused.
 *
 *     (nothing) ──ensure──> made ──update──> elements of sets change, in one transaction
 *                            └──ensure──> looked at; rules and elements are made again if somebody changed it
 *
 * Its counters go on over all of that, and over a restart. The table stays when the daemon ends: it protects others from what pods of
 * this node send. The next daemon keeps what is in its sets until gossip has had the time to find the cluster again.
 */
import type { Logger } from '../../env/logger.ts';
import { CommandError } from '../../errors.ts';
import type { NftTableContent } from '../../linux/nft-table-content.ts';
import { type NftWitness, OwnedTables } from '../../linux/nft-owned-tables.ts';
import { NODE_TABLE, titleOf } from '../../linux/nftables.ts';
import type { IpAddress } from '../../wire/address.ts';
import type { Prefix } from '../../wire/prefix.ts';
import type { Notice } from '../../api/control-api.ts';
import type { Config } from '../config/config.ts';
import { type NodeRulesOptions, nodeTable, type RuleFeature } from './node-rules.ts';
import { equalSets, type KnownNodes, type NodeSets, nodeSets, unitedSets } from './node-sets.ts';
import { readNodeSets } from './node-table.ts';

/** Least time from one change of the sets to the next: in a burst of news, they are changed together. */
const MIN_INTERVAL_MS = 500;

/** How long to wait after a change that failed. */
const RETRY_MS = 10_000;

/** Nothing of these is inherited: this daemon knows them itself. */
const ofThisNode = {
  own4: new Set(),
  own6: new Set(),
  underlay: new Set(),
  prefix4: new Set(),
  prefix6: new Set(),
} satisfies Partial<NodeSets>;

/** How long what an earlier daemon knew is kept. */
const INHERITED_MS = 60_000;

/** What is tried, one after the other: what a kernel lacks is done without. */
const attempts: readonly (readonly RuleFeature[])[] = [[], ['fib'], ['nat'], ['fib', 'nat']];

export interface NodeFirewallOptions {
  readonly rules: NodeRulesOptions;
  /** Known at the start. */
  readonly nodes: KnownNodes;
  /** Who knows what others changed in nftables. */
  readonly witness?: NftWitness | undefined;
  readonly logger: Logger;
}

export class NodeFirewall {
  readonly #options: NodeFirewallOptions;
  readonly #tables: OwnedTables;
  #known: KnownNodes;
  #nodes: NodeSets;
  #onNodes: (nodes: NodeSets) => void = () => {};
  /** Of an earlier daemon. */
  #inherited: NodeSets | undefined;
  /** What the sets of the kernel hold, as far as is known here; `undefined`: no table of ours. */
  #made: NodeSets | undefined;
  #notices: readonly Notice[] = [];
  #last: Promise<unknown> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  #expiry: NodeJS.Timeout | undefined;
  #isFirst = true;
  #isStopped = false;
  /** Index of what the table was made by; the number of attempts if by none, -1 if it was not tried yet. */
  #attempt = -1;

  constructor(options: NodeFirewallOptions) {
    this.#options = options;
    this.#tables = new OwnedTables({ witness: options.witness });
    this.#known = options.nodes;
    this.#nodes = nodeSets(options.nodes);
  }

  /** As a configuration asks for it. */
  static of(
    config: Config,
    nodeAddresses: readonly IpAddress[],
    known: Pick<KnownNodes, 'underlay' | 'seeds' | 'prefixes'>,
    { witness, logger }: Pick<NodeFirewallOptions, 'witness' | 'logger'>,
  ): NodeFirewall {
    const { tun, vxlan, gossip, metrics, names, clusterPrefixes, masquerade, staticPeers } = config;
    return new NodeFirewall({
      rules: {
        tunDevice: tun.device,
        vxlanPort: vxlan.port,
        clusterPrefixes,
        nodeAddresses,
        metrics: metrics.address,
        names: names.enabled,
        masquerade,
      },
      nodes: { ...known, ports: { data: vxlan.port, gossip: gossip.port }, staticPeers, members: [] },
      witness,
      logger,
    });
  }

  /** Makes the table as it should be; one that is right stays as it is. @returns what could not be had. */
  ensure(): Promise<readonly Notice[]> {
    return this.#inTurn(async () => {
      if (this.#isFirst) this.#inherit(await readNodeSets());
      if ((await this.#judge()) !== 'ours') await this.#make(attempts);
      // A module may have been loaded since.
      else if (this.#attempt > 0) await this.#make(attempts.slice(0, this.#attempt));
      return this.#notices;
    });
  }

  /** Whether the table is there, and as it was left. Changes nothing. */
  inspect(): Promise<'ours' | 'changed' | 'missing'> {
    return this.#inTurn(() => this.#judge());
  }

  /** Has the sets follow what is known of nodes from now on, soon; what is not given stays. */
  update(known: Partial<KnownNodes>): void {
    this.#known = { ...this.#known, ...known };
    this.#nodes = nodeSets(this.#known);
    this.#onNodes(this.#nodes);
    this.#changeSoon();
  }

  /** Has `onNodes` told of nodes, now and whenever something else is known of them. */
  listen(onNodes: (nodes: NodeSets) => void): void {
    this.#onNodes = onNodes;
    onNodes(this.#nodes);
  }

  /** Has the sets know this node's prefixes, before anything is sent from them. Never rejects: what fails is tried again. */
  async follow(prefixes: readonly Prefix[]): Promise<void> {
    this.#known = { ...this.#known, prefixes };
    this.#nodes = nodeSets(this.#known);
    const isDone = await this.#inTurn(() => this.#change());
    // Nodes may have come meanwhile.
    this.#changeSoon(isDone ? MIN_INTERVAL_MS : RETRY_MS);
  }

  /** Ends after what is under way. The table stays. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#expiry);
    clearTimeout(this.#timer);
    await this.#last;
  }

  get #wanted(): NodeSets {
    return this.#inherited === undefined ? this.#nodes : unitedSets(this.#nodes, this.#inherited);
  }

  /** Nothing that was refused before is let through for the time that it takes to hear of the nodes again. */
  #inherit(present: NodeSets | undefined): void {
    this.#isFirst = false;
    if (present === undefined) return;
    this.#inherited = { ...present, ...ofThisNode };
    this.#expiry = setTimeout(() => {
      this.#inherited = undefined;
      this.#changeSoon();
    }, INHERITED_MS).unref();
  }

  /** Where there can be no table, that is a notice already. */
  async #judge(): Promise<'ours' | 'changed' | 'missing'> {
    if (this.#made === undefined) return this.#attempt === attempts.length ? 'ours' : 'missing';
    const differences = await this.#tables.inspect();
    if (differences.some(({ kind }) => kind === 'table-missing')) return 'missing';
    return differences.length === 0 ? 'ours' : 'changed';
  }

  /** Makes the table by the first of these that the kernel takes. If it takes none, what is there stays. */
  async #make(candidates: typeof attempts): Promise<void> {
    const sets = this.#wanted;
    let failure: CommandError | undefined;
    for (const [attempt, without] of candidates.entries()) {
      try {
        await this.#tables.make([this.#content(sets, without)], `make the nftables table ${titleOf(NODE_TABLE)}`);
      } catch (error) {
        if (!(error instanceof CommandError)) throw error;
        failure ??= error;
        continue;
      }
      this.#attempt = attempt;
      this.#notices = without.map((feature) => lacking(feature, failure!.message));
      this.#made = sets;
      // Members may have changed meanwhile.
      this.#changeSoon();
      return;
    }
    if (candidates.length < attempts.length) return;
    this.#attempt = attempts.length;
    this.#made = undefined;
    this.#tables.forget();
    this.#notices = (['nat', 'all'] as const).map((feature) => lacking(feature, failure!.message));
  }

  #content(sets: NodeSets, without: readonly RuleFeature[]): NftTableContent {
    return nodeTable(this.#options.rules, sets, new Set(without));
  }

  #changeSoon(delayMs = MIN_INTERVAL_MS): void {
    if (this.#isStopped || this.#isFollowing) return;
    this.#timer ??= setTimeout(() => {
      void this.#inTurn(async () => {
        const isDone = await this.#change();
        this.#timer = undefined;
        this.#changeSoon(isDone ? MIN_INTERVAL_MS : RETRY_MS);
      });
    }, delayMs).unref();
  }

  /** Whether the sets are as they should be, or there are none. */
  get #isFollowing(): boolean {
    return this.#made === undefined || equalSets(this.#made, this.#wanted);
  }

  /** Never rejects. @returns whether it could be done. */
  async #change(): Promise<boolean> {
    const { logger } = this.#options;
    const sets = this.#wanted;
    if (this.#made === undefined || equalSets(this.#made, sets)) return true;
    const purpose = `have the sets of ${titleOf(NODE_TABLE)} follow the nodes`;
    try {
      await this.#tables.apply([this.#content(sets, attempts[this.#attempt]!)], purpose);
      this.#made = sets;
      return true;
    } catch (error) {
      logger.warn({ err: error }, 'the nftables table could not be made');
      return false;
    }
  }

  #inTurn<Result>(action: () => Promise<Result>): Promise<Result> {
    const turn = this.#last.then(action);
    this.#last = turn.catch(() => undefined);
    return turn;
  }
}

function lacking(feature: RuleFeature | 'all', reason: string): Notice {
  if (feature === 'nat') {
    return {
      code: 'masquerade-unavailable',
      message: `pods cannot reach the world outside of the cluster: ${reason}`,
    };
  }
  const what =
    feature === 'fib'
      ? 'packets to the ports of nodes are not refused where the address of a node is forged behind this one'
      : 'packets of pods to the ports of nodes are not refused, nor what else the rules of weft refuse';
  return { code: 'node-rules-unavailable', message: `${what}: ${reason}` };
}
