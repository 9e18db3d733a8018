/** Reads all rules of a network namespace's firewall, of whichever program: nftables, and iptables inside of it and from before it. */
import { readFileSync } from 'node:fs';
import { CommandError, RequirementError } from '../errors.ts';
import { parseIptablesSave, withRulesOf } from '../firewall/iptables-ruleset.ts';
import { type NftDocument, parseNftRuleset, tablesOfIptables } from '../firewall/nft-ruleset.ts';
import type { FirewallChain, Ruleset } from '../firewall/ruleset.ts';
import { unreadableChains } from '../firewall/unreadable-chain.ts';
import { type CommandOptions, runCommand, runJsonCommand } from './command.ts';
import { enterNetworkNamespace } from './network-namespace.ts';
import { listTables } from './nft-netlink.ts';
import { type NftTable, titleOf } from './nftables.ts';

/**
 * All rules there are, weft's own included. What is there and cannot be read is in it as rules that may do anything, so that a
 * judgement by them is that nobody can tell.
 *
 * @param netns path of the file of a network namespace; absent: the one that this process is in.
 * @param without tables of this process's own namespace, of which whoever asks knows better what they do: they are left out as far as that
 *   spares `nft` reading them, which takes seconds for large ones.
 */
export async function readRuleset(netns?: string, without: readonly NftTable[] = []): Promise<Ruleset> {
  const options: CommandOptions = {
    purpose: 'look at the firewall',
    // Whose namespace it is may have as many rules as it likes.
    ...(netns === undefined ? {} : { netns, timeoutMs: NETNS_TIMEOUT_MS, maxOutputBytes: MAX_NETNS_OUTPUT_BYTES }),
  };
  const [nft, ...legacy] = await Promise.all([
    readNft(options, netns === undefined ? without : []),
    ...families.map(async (family) => readLegacy(family, options)),
  ]);
  return { chains: [...nft.chains, ...legacy.flat()] };
}

/** What is read of another namespace, at most: what is beyond is as good as unreadable. */
const MAX_NETNS_OUTPUT_BYTES = 128 * 1024;
const NETNS_TIMEOUT_MS = 4_000;

interface Family {
  readonly family: 4 | 6;
  /** As nftables calls it. */
  readonly name: 'ip' | 'ip6';
  readonly program: 'iptables' | 'ip6tables';
  /** Where the kernel tells which tables there are of iptables before nftables. */
  readonly tableNames: string;
}

const families: readonly Family[] = [
  { family: 4, name: 'ip', program: 'iptables', tableNames: '/proc/thread-self/net/ip_tables_names' },
  { family: 6, name: 'ip6', program: 'ip6tables', tableNames: '/proc/thread-self/net/ip6_tables_names' },
];

/** Tables that are listed one by one, at most: each takes two programs. */
const MAX_TABLES = 12;

/** As JSON, and as text for the words of rules. */
interface NftListing {
  readonly document: NftDocument | CommandError | RequirementError;
  readonly text: string;
}

async function readNft(options: CommandOptions, without: readonly NftTable[]): Promise<Ruleset> {
  const { document, text } = (await listAllBut(without, options)) ?? (await list(['ruleset'], options));
  // A kernel without nftables has no rules of it; where it has, but the program is missing, nobody knows.
  if (document instanceof CommandError) {
    return { chains: isCutShort(document) ? unreadableChains('nftables', [4, 6], document.message) : [] };
  }
  if (document instanceof RequirementError) return { chains: unreadableChains('nftables', [4, 6], document.message) };
  const ruleset = parseNftRuleset(document, text);
  const hidden = tablesOfIptables(document);
  const saved = await Promise.all(
    families
      .filter(({ name }) => hidden.some((table) => table.startsWith(`${name} `)))
      .map(async (family) => readSaved(family, options)),
  );
  return saved.reduce((merged, one) => withRulesOf(one, merged), ruleset);
}

/** Table by table; `undefined`: there is nothing to leave out, or not all others could be listed. */
async function listAllBut(without: readonly NftTable[], options: CommandOptions): Promise<NftListing | undefined> {
  const titles = without.map(titleOf);
  const tables = titles.length === 0 ? undefined : listTables()?.filter((title) => !titles.includes(title));
  if (tables === undefined || tables.length > MAX_TABLES) return undefined;
  const listings = await Promise.all(tables.map(async (title) => list(['table', ...title.split(' ')], options)));
  const documents = listings.flatMap(({ document }) => (isListed(document) ? [document] : []));
  if (documents.length < tables.length) return undefined;
  return {
    document: { nftables: documents.flatMap(({ nftables }) => nftables) },
    text: listings.map((listing) => listing.text).join('\n'),
  };
}

async function list(what: readonly string[], options: CommandOptions): Promise<NftListing> {
  const document = await ask(runJsonCommand<NftDocument>(['nft', '-j', 'list', ...what], options));
  if (!isListed(document)) return { document, text: '' };
  const text = await ask(runCommand(['nft', '-nn', '--handle', '--stateless', 'list', ...what], options));
  return { document, text: typeof text === 'string' ? text : '' };
}

function isListed(document: NftListing['document']): document is NftDocument {
  return !(document instanceof CommandError || document instanceof RequirementError);
}

/** Rules of iptables in nftables, as iptables shows them; where that is not installed, there are none to be seen. */
async function readSaved({ family, name, program }: Family, options: CommandOptions): Promise<Ruleset> {
  for (const variant of [`${program}-nft`, program]) {
    const text = await ask(runCommand([`${variant}-save`], options));
    if (typeof text !== 'string' || !isOfNftables(text)) continue;
    return parseIptablesSave(text, {
      program: variant,
      family,
      tableTitle: (table) => `nftables table ${name} ${table}`,
    });
  }
  return { chains: [] };
}

/** Rules of iptables from before nftables, which `nft` does not show. */
async function readLegacy(known: Family, options: CommandOptions): Promise<readonly FirewallChain[]> {
  const { family, program } = known;
  const tables = legacyTables(known, options.netns);
  if (tables.length === 0) return [];
  const shown = `${program}-legacy`;
  for (const variant of [shown, program]) {
    const text = await ask(runCommand([`${variant}-save`], options));
    if (typeof text !== 'string' || isOfNftables(text)) continue;
    return parseIptablesSave(text, { program: variant, family, tableTitle: (table) => `${shown} table ${table}` })
      .chains;
  }
  const problem = `tables ${tables.join(', ')}, which the program ${shown}-save would show: it is missing, or fails`;
  return unreadableChains(`${shown} tables`, [family], problem);
}

/** Whether there are tables of iptables from before nftables, in the namespace of this process. */
export function hasLegacyTables(): boolean {
  return families.some((family) => legacyTables(family, undefined).length > 0);
}

/** Asked first, since `iptables-legacy` makes the tables that it is asked about. */
function legacyTables({ tableNames }: Family, netns: string | undefined): readonly string[] {
  const leave = netns === undefined ? undefined : enterNetworkNamespace(netns);
  try {
    return readFileSync(tableNames, 'utf8')
      .split('\n')
      .filter((name) => name !== '');
  } catch {
    // Without the module of iptables there is no such file.
    return [];
  } finally {
    leave?.();
  }
}

/** Whether the program was ended, or what it wrote was too much: it did not fail by itself. */
function isCutShort({ details }: CommandError): boolean {
  return details['exitCode'] === null || details['exitCode'] === 0;
}

/** `iptables-save` says on its first line which of the two it is, since 1.8.0. */
function isOfNftables(text: string): boolean {
  return /^# Generated by .*(nf_tables|-nft-save)/m.test(text);
}

/** A program that is missing or fails is no reason to end. */
async function ask<Answer>(answer: Promise<Answer>): Promise<Answer | CommandError | RequirementError> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof CommandError || error instanceof RequirementError) return error;
    throw error;
  }
}
