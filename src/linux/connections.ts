/** Connections as the kernel tracks them: conntrack(8). */
import { formatIpAddress, type IpAddress } from '../wire/address.ts';
import { runCommand } from './command.ts';
import { Gathering } from './gathering.ts';

/**
 * Has the kernel forget all connections from and to these addresses: an established one would be remembered for five days, and
 * whoever gets the address next would be sent what belongs to it.
 *
 * @throws CommandError, RequirementError
 */
export async function forgetConnections(addresses: readonly IpAddress[]): Promise<void> {
  await forgetting.add(addresses);
}

/** Of pods that are removed at one time. */
const forgetting = new Gathering<readonly IpAddress[]>(async (all) => {
  const lines = all.flat().flatMap((address) => {
    const [family, text] = [address.family === 4 ? 'ipv4' : 'ipv6', formatIpAddress(address)];
    // Whoever answers from the address: also one that was reached under another, by a forwarded port.
    return [`-D -f ${family} --orig-src ${text}`, `-D -f ${family} --reply-src ${text}`];
  });
  if (lines.length === 0) return [];
  const purpose = 'forget the connections of a pod';
  // It opens its standard input by name, which Node's, a socket, does not allow.
  await runCommand(['sh', '-c', 'cat | conntrack -R -'], { purpose, input: `${lines.join('\n')}\n` });
  return [];
});
