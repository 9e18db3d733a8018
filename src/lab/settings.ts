/** `weft lab up --set KEY=VALUE`: configuration keys that all nodes of a lab get. */
import { parse } from 'yaml';
import { configKeys, configPaths, type ConfigPath } from '../daemon/config/config-key.ts';
import { nearestName } from '../api/nearest-name.ts';
import { ConfigError } from '../errors.ts';

/** By path: `{ 'vxlan.port': 4790 }`; values as they would stand in the file. */
export type LabSettings = Readonly<Record<string, unknown>>;

/** What differs from node to node, or is where the lab looks for it. */
const LAB_KEYS: readonly ConfigPath[] = [
  'nodeName',
  'nodePrefixes',
  'gossip.keyFile',
  'stateDir',
  'control.socket',
  'control.readOnlySocket',
  'pods.netnsPrefix',
];

/**
 * One more setting, from `KEY=VALUE`. The value is YAML; a list may also be given with commas.
 *
 * @throws ConfigError naming a key that does not exist, or that is the lab's own to set.
 */
export function withSetting(settings: LabSettings, text: string): LabSettings {
  const at = text.indexOf('=');
  if (at < 1) throw new ConfigError('--set', `"${text}" is not KEY=VALUE, such as vxlan.port=4790`);
  const path = text.slice(0, at);
  if (!isPath(path)) {
    const near = nearestName(path, configPaths) ?? configPaths.find((one) => one.endsWith(`.${path}`));
    throw new ConfigError('--set', `${path} is not a known key${near === undefined ? '' : `: did you mean ${near}?`}`);
  }
  if (LAB_KEYS.includes(path)) throw new ConfigError('--set', `${path} is set by the lab itself, for each node`);
  return { ...settings, [path]: valueOf(path, text.slice(at + 1)) };
}

/** `settings` in the place of what `config` says; `a.b` is the key `b` of the group `a`. */
export function withSettings(
  config: Readonly<Record<string, unknown>>,
  settings: LabSettings,
): Readonly<Record<string, unknown>> {
  const result: Record<string, unknown> = { ...config };
  for (const [path, value] of Object.entries(settings)) {
    const [group, key] = path.split('.') as [string, string?];
    result[group] = key === undefined ? value : { ...(result[group] as object | undefined), [key]: value };
  }
  return result;
}

function valueOf(path: ConfigPath, text: string): unknown {
  let value: unknown;
  try {
    value = parse(text) as unknown;
  } catch (error) {
    throw new ConfigError('--set', `${path}: ${text} is not YAML: ${(error as Error).message.split('\n')[0]}`);
  }
  const isBareList = configKeys[path].kind === 'list' && !Array.isArray(value);
  return isBareList ? text.split(',').map((one) => one.trim()) : value;
}

function isPath(path: string): path is ConfigPath {
  return (configPaths as readonly string[]).includes(path);
}
