/** What commands in pods of a lab see as /etc/resolv.conf: it has them ask their node. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { loadConfig } from '../daemon/config/config.ts';
import { POD_GATEWAY } from '../daemon/host/pod-devices.ts';
import { NODE_LABEL } from '../names/name-table.ts';
import { podResolverFile } from '../names/resolver-configuration.ts';
import { labResolverFile, loadLab, nodeFiles } from './lab-directory.ts';

/**
 * Writes the file, and gives its path; `undefined`: nodes of this lab answer no names.
 *
 * All nodes have a pod p1: it is `p1.n2` at n2. With one dot in it, that is looked for below the domain first.
 */
export function resolverFile(labName: string): string | undefined {
  const [first] = loadLab(labName).nodes;
  const { names } = loadConfig({ file: nodeFiles(labName, first!.name).config, flags: {}, env: {} });
  if (!names.enabled) return undefined;
  const domain = names.domain.join('.');
  const path = labResolverFile(labName);
  const content = podResolverFile(
    `# Lab ${labName}.`,
    POD_GATEWAY[4],
    [domain, `${NODE_LABEL}.${domain}`],
    ['ndots:2'],
  );
  // Another command may be about to read it.
  if (!existsSync(path) || readFileSync(path, 'utf8') !== content) writeFileSync(path, content);
  return path;
}
