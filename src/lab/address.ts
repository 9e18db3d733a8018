/** `weft lab address`: a node gets another underlay address while its daemon runs, or none, as from DHCP. */
import { ConfigError, ConflictError } from '../errors.ts';
import { runCommand, runJsonCommand } from '../linux/command.ts';
import type { Link, LinkAddress } from '../linux/link.ts';
import { formatIpAddress, parseIpAddress } from '../wire/address.ts';
import { prefixContains } from '../wire/prefix.ts';
import { findNode, loadLab, namespacePath } from './lab-directory.ts';
import { bareAddress } from './topology.ts';
import type { LabPlan, NodePlan } from './topology.ts';
import { addressLine, gatewayLine, UNDERLAY_DEVICE } from './underlay-links.ts';

/** In place of an address: none. */
export const NO_ADDRESS = 'none';

/**
 * Takes the addresses that could carry tunnels from a node, and gives it `address` instead. Nobody is told.
 *
 * @param address of the family that the tunnels have, or {@link NO_ADDRESS}.
 * @throws ConfigError if it does not lie on the underlay; ConflictError `lab-address-in-use` unless `force`d: then two have it.
 */
export async function changeAddress(
  labName: string,
  nodeName: string,
  address: string,
  { force = false }: { readonly force?: boolean } = {},
): Promise<void> {
  const plan = loadLab(labName);
  const node = findNode(plan, nodeName);
  const wanted = address === NO_ADDRESS ? [] : linesFor(plan, node, address);
  if (wanted.length > 0 && !force) await refuseIfInUse(plan, node, address);
  const netns = namespacePath(node.netns);
  const purpose = `change the underlay address of ${node.name}`;
  const present = await underlayAddressesOf(node);
  const lines = present.map(({ local, prefixlen }) => `address delete ${local}/${prefixlen} dev ${UNDERLAY_DEVICE}`);
  const input = [...lines, ...wanted].map((line) => `${line}\n`).join('');
  await runCommand(['ip', '-batch', '-'], { purpose, netns, input });
}

/** Of the node as it is now, in the family of its tunnels. */
async function underlayAddressesOf(node: Pick<NodePlan, 'netns' | 'underlayAddresses'>): Promise<LinkAddress[]> {
  const argv = ['ip', '-json', familyOption(node), 'address', 'show', 'dev', UNDERLAY_DEVICE, 'scope', 'global'];
  const purpose = `look at the underlay addresses in ${node.netns}`;
  const [link] = await runJsonCommand<Link[]>(argv, { purpose, netns: namespacePath(node.netns) });
  return (link?.addr_info ?? []).filter(({ local }) => local !== undefined);
}

async function refuseIfInUse(plan: LabPlan, node: NodePlan, text: string): Promise<void> {
  const wanted = formatIpAddress(parseIpAddress(text)!);
  const world = { name: 'the world', netns: plan.world.netns, underlayAddresses: plan.world.gatewayAddresses };
  for (const other of [...plan.nodes.filter((one) => one !== node), world]) {
    const held = await underlayAddressesOf(other);
    if (!held.some(({ local }) => local === wanted)) continue;
    const message = `${wanted} is in use: ${other.name} has it; --force gives it to ${node.name} as well`;
    throw new ConflictError('lab-address-in-use', message, { address: wanted, holder: other.name });
  }
}

function linesFor(plan: LabPlan, node: NodePlan, text: string): string[] {
  const planned = node.underlayAddresses[0]!;
  const [plannedText, lengthText] = planned.split('/') as [string, string];
  const address = parseIpAddress(text);
  const underlay = { address: parseIpAddress(plannedText)!, lengthBits: Number(lengthText) };
  if (address === undefined || !prefixContains(underlay, address)) {
    throw new ConfigError('', `${text} is not an address on the underlay, like ${planned}, nor "${NO_ADDRESS}"`);
  }
  // With the last address of the link went the route through the gateway.
  return [
    addressLine(`${formatIpAddress(address)}/${lengthText}`),
    gatewayLine(bareAddress(plan.world.gatewayAddresses[0]!)),
  ];
}

function familyOption(node: Pick<NodePlan, 'underlayAddresses'>): string {
  return node.underlayAddresses[0]!.includes(':') ? '-6' : '-4';
}
