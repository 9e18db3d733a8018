/** Keys of a config file that do not exist, and what was probably meant. */
import { configPaths, staticPeerKeys } from './config-key.ts';
import type { ConfigSteps } from './config-file.ts';
import { nearestName } from '../../api/nearest-name.ts';

/** A key that does not exist, or a group that is none. */
export interface UnknownKey {
  readonly steps: ConfigSteps;
  readonly problem: string;
}

/** Every unknown key of a file, in its order. */
export function unknownKeys(root: Readonly<Record<string, unknown>>): UnknownKey[] {
  const found: UnknownKey[] = [];
  for (const [name, value] of Object.entries(root)) {
    if (name === 'staticPeers') found.push(...unknownPeerKeys(value));
    else if ((configPaths as string[]).includes(name)) continue;
    else found.push(...unknownInGroup(name, value));
  }
  return found;
}

function unknownInGroup(group: string, value: unknown): UnknownKey[] {
  const members = configPaths
    .filter((path) => path.startsWith(`${group}.`))
    .map((path) => path.slice(group.length + 1));
  if (members.length === 0) return [unknown([group], topLevelNames())];
  // A group whose keys are all commented out reads as null.
  if (value === null) return [];
  if (typeof value !== 'object' || Array.isArray(value)) {
    return [{ steps: [group], problem: `is a group of keys: ${members.join(', ')}` }];
  }
  const names = Object.keys(value).filter((name) => !members.includes(name));
  return names.map((name) => unknown([group, name], members));
}

function unknownPeerKeys(peers: unknown): UnknownKey[] {
  if (!Array.isArray(peers)) return [];
  return peers.flatMap((peer: unknown, index) => {
    if (typeof peer !== 'object' || peer === null) return [];
    const names = Object.keys(peer).filter((name) => !staticPeerKeys.includes(name));
    return names.map((name) => unknown(['staticPeers', index, name], staticPeerKeys));
  });
}

function unknown(steps: ConfigSteps, candidates: readonly string[]): UnknownKey {
  const name = String(steps.at(-1));
  const near = nearestName(name, candidates) ?? pathEndingIn(name);
  return { steps, problem: `is not a known key${near === undefined ? '' : `: did you mean ${near}?`}` };
}

function topLevelNames(): string[] {
  return [...new Set(configPaths.map((path) => path.split('.')[0]!))];
}

/** `vni` at the top level means `vxlan.vni`. */
function pathEndingIn(name: string): string | undefined {
  return configPaths.find((path) => path.endsWith(`.${name}`));
}
