/**
 * Under which names a door on TCP answers.
 *
 * A page in a browser may have its own name resolve to 127.0.0.1 once it is loaded, and then reads what answers there as if it were its own
 * (DNS rebinding). The name that it asks for is in the Host header. With an address there instead, no name was resolved.
 */
import { isIP } from 'node:net';

/** @param host value of the Host header; HTTP/1.0 has none, and no browser speaks it. @param names other names of this machine, in any case */
export function isServedHost(host: string | undefined, names: readonly string[]): boolean {
  if (host === undefined) return true;
  const name = nameIn(host);
  if (name === undefined) return false;
  if (isIP(name) !== 0 || name === 'localhost' || name.endsWith('.localhost')) return true;
  return names.some((one) => one.toLowerCase() === name);
}

/** `Node1:9748` -> `node1`, `[::1]:9748` -> `::1`. */
function nameIn(host: string): string | undefined {
  const [, address, name] = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]+?)\.?)(?::\d{1,5})?$/.exec(host) ?? [];
  return (address ?? name)?.toLowerCase();
}
