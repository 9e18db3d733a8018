/** Plugins of the CNI project, built from their Go module. */
import { goProgram } from '../support/go-programs.ts';

const MODULE = 'github.com/containernetworking/plugins/plugins';

/** The first whose portmap knows nftables is 1.9. */
const VERSION = 'v1.9.1';

const folders = { loopback: 'main', ptp: 'main', 'host-local': 'ipam', portmap: 'meta' } as const;

export type CniPlugin = keyof typeof folders;

/** Path of a plugin, which is built unless it is there. @throws as {@link goProgram} */
export async function cniPlugin(name: CniPlugin): Promise<string> {
  return await goProgram(`${MODULE}/${folders[name]}/${name}@${VERSION}`);
}
