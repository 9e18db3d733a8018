/** weft's one nftables table, `inet weft`, and a look at what others hook into forwarding. */
import { CommandError } from '../errors.ts';
import { runCommand, runJsonCommand } from './command.ts';

/** Name of the table, of family `inet`. It is ours as a whole. */
export const NFT_TABLE = 'weft';

/** A chain of a hook, of any table. */
export interface NftBaseChain {
  readonly family: string;
  readonly table: string;
  readonly name: string;
  readonly hook: string;
  readonly policy: string;
}

/**
 * Replaces our table by one with these chains, in one transaction: there is no moment without it.
 *
 * @param chains text between the braces of the table.
 */
export async function replaceTable(chains: string): Promise<void> {
  // Adding first makes the deletion succeed when there was none. A chain that is merely flushed would keep an old hook.
  const input = `add table inet ${NFT_TABLE}\ndelete table inet ${NFT_TABLE}\ntable inet ${NFT_TABLE} {\n${chains}\n}\n`;
  await runCommand(['nft', '-f', '-'], { purpose: `replace the nftables table ${NFT_TABLE}`, input });
}

/** Our table as `nft` shows it, without counts; `undefined` if there is none. */
export async function readTable(): Promise<string | undefined> {
  const purpose = `look at the nftables table ${NFT_TABLE}`;
  try {
    return await runCommand(['nft', '--stateless', 'list', 'table', 'inet', NFT_TABLE], { purpose });
  } catch (error) {
    if (error instanceof CommandError) return undefined;
    throw error;
  }
}

/** Removes our table. @returns whether there was one. */
export async function removeTable(): Promise<boolean> {
  const purpose = `remove the nftables table ${NFT_TABLE}`;
  const tables = await runJsonCommand<NftDocument>(['nft', '-j', 'list', 'tables'], { purpose });
  if (!tables.nftables.some(({ table }) => table?.family === 'inet' && table.name === NFT_TABLE)) return false;
  await runCommand(['nft', '-f', '-'], { purpose, input: `delete table inet ${NFT_TABLE}\n` });
  return true;
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
    readonly table?: { readonly family: string; readonly name: string };
    readonly chain?: {
      readonly family: string;
      readonly table: string;
      readonly name: string;
      readonly hook?: string;
      readonly policy?: string;
    };
  }[];
}
