/** The table of services, kept up to date with a plan: what changes of it, for each change of the plan. */
import type { NftTableContent } from '../../linux/nft-table-content.ts';
import { type NftTablePiece, NftTablePieces } from '../../linux/nft-table-pieces.ts';
import type { NftTableRevision } from '../../linux/nft-table-revision.ts';
import { SERVICE_TABLE } from '../../linux/nftables.ts';
import { type AddressPool, poolContains } from '../../services/address-pool.ts';
import type { Frontend } from '../../services/service-plan.ts';
import { frontendKey, type ServicePlanChange } from '../../services/service-planner.ts';
import { formatIpAddress, type IpAddress } from '../../wire/address.ts';
import { addressPiece, basePiece, frontendPiece, type ServiceTableOptions, themselvesPiece } from './service-tables.ts';

/** An address that frontends share, and how many of them do. */
interface Use {
  readonly address: IpAddress;
  frontends: number;
}

export class ServicePieces {
  readonly #nodeName: string;
  readonly #pools: readonly AddressPool[];
  readonly #pieces = new NftTablePieces(SERVICE_TABLE);
  readonly #frontends = new Map<string, Frontend>();
  /** By the keys of their pieces. */
  readonly #uses = new Map<string, Use>();

  /** @param nodeName of this node, as backends name it */
  constructor(nodeName: string, options: ServiceTableOptions) {
    this.#nodeName = nodeName;
    this.#pools = options.pools;
    this.#pieces.replace(new Map([['', basePiece(options)]]));
  }

  /** Number of addresses with a port at which services are reached. */
  get size(): number {
    return this.#frontends.size;
  }

  frontend(key: string): Frontend | undefined {
    return this.#frontends.get(key);
  }

  /** Whether it is an address that services alone have. */
  hasAddress(address: IpAddress): boolean {
    return this.#uses.has(`address ${formatIpAddress(address)}`);
  }

  frontends(): Iterable<Frontend> {
    return this.#frontends.values();
  }

  content(): NftTableContent {
    return this.#pieces.content();
  }

  /** @returns what changes in the table by that */
  update({ changed, gone }: ServicePlanChange): NftTableRevision {
    const pieces = new Map<string, NftTablePiece | undefined>();
    const used = new Set<string>();
    for (const key of [...gone, ...changed.map(frontendKey)]) {
      const before = this.#frontends.get(key);
      if (before !== undefined) for (const [use] of this.#usesOf(before)) this.#release(use, used);
    }
    for (const key of gone) {
      this.#frontends.delete(key);
      pieces.set(`frontend ${key}`, undefined);
    }
    for (const frontend of changed) {
      const key = frontendKey(frontend);
      this.#frontends.set(key, frontend);
      pieces.set(`frontend ${key}`, frontendPiece(frontend));
      for (const [use, address] of this.#usesOf(frontend)) this.#take(use, address, used);
    }
    for (const use of used) pieces.set(use, this.#pieceOfUse(use));
    return this.#pieces.replace(pieces);
  }

  /** What a frontend shares with others. */
  #usesOf({ kind, address, inside }: Frontend): ReadonlyMap<string, IpAddress> {
    const uses = new Map<string, IpAddress>();
    // Others may be of the node itself, or of another host: what is sent to their other ports is not for services.
    const isOfPool = kind === 'load-balancer' && this.#pools.some((pool) => poolContains(pool, address));
    if (kind === 'cluster' || isOfPool) uses.set(`address ${formatIpAddress(address)}`, address);
    if (inside.kind === 'backends')
      for (const backend of inside.backends)
        if (backend.nodeName === this.#nodeName || backend.nodeName === '')
          uses.set(`themselves ${formatIpAddress(backend.address)}`, backend.address);
    return uses;
  }

  #take(use: string, address: IpAddress, used: Set<string>): void {
    const known = this.#uses.get(use);
    if (known === undefined) this.#uses.set(use, { address, frontends: 1 });
    else known.frontends++;
    used.add(use);
  }

  #release(use: string, used: Set<string>): void {
    this.#uses.get(use)!.frontends--;
    used.add(use);
  }

  #pieceOfUse(use: string): NftTablePiece | undefined {
    const { address, frontends } = this.#uses.get(use)!;
    if (frontends === 0) this.#uses.delete(use);
    if (frontends === 0) return undefined;
    return use.startsWith('address ') ? addressPiece(address) : themselvesPiece(address);
  }
}
