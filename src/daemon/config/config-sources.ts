/** Where a value comes from: flag over environment over file over default. */
import { hostname } from 'node:os';
import { configKeys, flagOf, inlinePaths, variableOf, type ConfigPath } from './config-key.ts';
import type { ConfigFile, ConfigSteps } from './config-file.ts';

/** Everything that a person may have said. */
export interface ConfigSources {
  readonly file: ConfigFile | undefined;
  /** By path: `{ 'vxlan.port': '4790' }`. */
  readonly flags: Readonly<Record<string, string | undefined>>;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** The value that counts. */
export interface SourcedValue {
  /** Unparsed; `undefined` if nobody said anything and there is no default. */
  readonly input: unknown;
  /** Place to look at, with steps below the key: `weft.yaml:12`, `--vxlan-port`; empty if there is none. */
  origin(below: ConfigSteps): string;
}

/** The value of one key, from the strongest source that has it. */
export function sourceOf(path: ConfigPath, sources: ConfigSources): SourcedValue {
  const key = configKeys[path];
  if (inlinePaths.includes(path)) {
    const flag = sources.flags[path];
    if (flag !== undefined) return inline(flag, key.kind, `--${flagOf(path)}`);
    const variable = sources.env[variableOf(path)];
    // An empty variable counts as unset: that is how compose files and units spell "not set".
    if (variable !== undefined && variable !== '') return inline(variable, key.kind, variableOf(path));
  }
  const { file } = sources;
  const steps = path.split('.');
  const input = file === undefined ? undefined : valueAt(file.root, steps);
  if (input !== undefined) return { input, origin: (below) => file!.origin([...steps, ...below]) };
  return { input: defaultOf(path, sources), origin: () => file?.origin(steps) ?? '' };
}

function inline(text: string, kind: 'scalar' | 'list' | 'table', origin: string): SourcedValue {
  const input = kind === 'list' ? splitList(text) : text;
  return { input, origin: () => origin };
}

function splitList(text: string): string[] {
  return text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}

function valueAt(root: unknown, steps: readonly string[]): unknown {
  let value = root;
  for (const step of steps) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return undefined;
    value = (value as Record<string, unknown>)[step];
  }
  return value;
}

function defaultOf(path: ConfigPath, sources: ConfigSources): unknown {
  if (path !== 'nodeName') return configKeys[path].default;
  // Kubernetes, too, names a node by its host name in lower case; a domain behind it is not part of a label.
  const { input } = sourceOf('kubernetes.nodeName', sources);
  return (typeof input === 'string' ? input : hostname().toLowerCase()).split('.')[0];
}
