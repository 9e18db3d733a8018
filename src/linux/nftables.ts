/** weft's own tables of nftables, and a look at what others hook into forwarding. */
import { runCommand, runJsonCommand } from './command.ts';

/** A table that is ours as a whole. What lasts is kept by `OwnedTables`. */
export interface NftTable {
  readonly family: 'inet' | 'arp';
  readonly name: string;
}

/** Of the node. */
export const NODE_TABLE: NftTable = { family: 'inet', name: 'weft' };

/** Of the pods: what each may send from. */
export const POD_TABLE: NftTable = { family: 'inet', name: 'weft-pods' };

/** The same, of ARP. */
export const POD_ARP_TABLE: NftTable = { family: 'arp', name: 'weft-pods' };

/** Of network policies: what may reach the pods of this node, and what they may reach. */
export const POLICY_TABLE: NftTable = { family: 'inet', name: 'weft-policy' };

/** Of services: where what is sent to their addresses goes. */
export const SERVICE_TABLE: NftTable = { family: 'inet', name: 'weft-services' };

/** Of traces: it is there while somebody traces. */
export const TRACE_TABLE: NftTable = { family: 'inet', name: 'weft-trace' };

/** All of them, whatever the configuration, and what a crash may have left of their drafts. */
export const OWN_TABLES: readonly NftTable[] = [
  NODE_TABLE,
  POD_TABLE,
  POD_ARP_TABLE,
  POLICY_TABLE,
  SERVICE_TABLE,
  TRACE_TABLE,
].flatMap((table) => [table, draftOf(table)]);

/** A chain of a hook, of any table. */
export interface NftBaseChain {
  readonly family: string;
  readonly table: string;
  readonly name: string;
  readonly hook: string;
  readonly policy: string;
}

/** A table that is there for a moment, without rules, to see how the kernel lists what is declared in the other. */
export function draftOf({ family, name }: NftTable): NftTable {
  return { family, name: `${name}-draft` };
}

/** How `nft` and people call a table: `inet weft`. */
export function titleOf({ family, name }: NftTable): string {
  return `${family} ${name}`;
}

/** Runs lines of `nft` in one transaction: all of them take effect at once, or none. */
export async function nftTransaction(lines: readonly string[], purpose: string): Promise<void> {
  if (lines.length === 0) return;
  await runCommand(['nft', '-f', '-'], { purpose, input: `${lines.join('\n')}\n` });
}

/**
 * Replaces a table by one with these chains, in one transaction: there is no moment without it.
 *
 * @param chains text between the braces of the table.
 */
export async function replaceTable(table: NftTable, chains: string): Promise<void> {
  const title = titleOf(table);
  // Adding first makes the deletion succeed when there was none. A chain that is merely flushed would keep an old hook.
  const lines = [`add table ${title}`, `delete table ${title}`, `table ${title} {\n${chains}\n}`];
  await nftTransaction(lines, `replace the nftables table ${title}`);
}

/** Removes a table, if it is there. */
export async function removeTable(table: NftTable): Promise<void> {
  const title = titleOf(table);
  await nftTransaction([`add table ${title}`, `delete table ${title}`], `remove the nftables table ${title}`);
}

/** Removes every table of ours. @returns the titles of those that were there. */
export async function removeOwnTables(): Promise<string[]> {
  const purpose = "remove weft's nftables tables";
  // No JSON: where a table is switched off, whosever it is, `nft` 1.0.6 writes what is none.
  const lines = (await runCommand(['nft', 'list', 'tables'], { purpose })).split('\n');
  const present = OWN_TABLES.map(titleOf).filter((title) => lines.includes(`table ${title}`));
  await nftTransaction(
    present.map((title) => `delete table ${title}`),
    purpose,
  );
  return present;
}

/** Chains of all tables that the kernel calls by itself. */
export async function listBaseChains(): Promise<NftBaseChain[]> {
  const document = await runJsonCommand<NftDocument>(['nft', '-j', 'list', 'chains'], {
    purpose: 'list the nftables chains',
  });
  return document.nftables.flatMap(({ chain }) =>
    chain?.hook === undefined ? [] : [{ policy: 'accept', ...chain, hook: chain.hook }],
  );
}

interface NftDocument {
  readonly nftables: readonly {
    readonly chain?: {
      readonly family: string;
      readonly table: string;
      readonly name: string;
      readonly hook?: string;
      readonly policy?: string;
    };
  }[];
}
