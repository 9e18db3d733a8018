/**
 * Isolates pods of which nothing is known, while there is no plan: the table of the daemon before stays as it is for all others, and if there
 * is none, one is made that is about these alone.
 */
import { creationLines, elementLines } from '../../linux/nft-table-content.ts';
import { listElements } from '../../linux/nft-table-listing.ts';
import { nftTransaction, POLICY_TABLE, titleOf } from '../../linux/nftables.ts';
import { PolicyPieces, type PolicyDevice } from './policy-pieces.ts';
import { heldPiece } from './policy-tables.ts';

/** @param devices all that are known, by the keys of their pods. @throws CommandError if the kernel does not take it */
export async function holdWithoutPlan(devices: ReadonlyMap<string, PolicyDevice>): Promise<void> {
  const title = titleOf(POLICY_TABLE);
  const held = [...devices.values()].filter(({ isHeld }) => isHeld).map(({ name }) => name);
  const found = await listElements(POLICY_TABLE);
  const lines = found === undefined ? creationOf(devices) : held.flatMap((device) => changesOf(title, device, found));
  await nftTransaction(lines, 'isolate pods of which nothing is known');
}

function creationOf(devices: ReadonlyMap<string, PolicyDevice>): string[] {
  const pieces = new PolicyPieces({ withLog: false }, new Map(devices));
  pieces.update([{ kind: 'plan', plan: { pods: [], isolations: [], peerSets: [], portSets: [] } }]);
  return creationLines(pieces.content());
}

/** A pod of the same name may have had the device before. */
function changesOf(title: string, device: string, found: ReadonlyMap<string, ReadonlySet<string>>): string[] {
  return Object.entries(heldPiece(device).sets).flatMap(([name, { type, elements }]) => {
    const before = [...(found.get(name) ?? [])].filter((element) => element.startsWith(`${device} `));
    return [...elementLines('delete', title, name, type, before), ...elementLines('add', title, name, type, elements)];
  });
}
