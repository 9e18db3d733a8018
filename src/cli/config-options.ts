/** Config keys as options of a command: one flag for each, from the table of keys. */
import { Option, type Command } from 'commander';
import {
  configKeys,
  flagOf,
  inlinePaths,
  variableOf,
  type ConfigKey,
  type ConfigPath,
} from '../daemon/config/config-key.ts';
import { CONFIG_VARIABLE, configFileOf, DEFAULT_CONFIG_FILE } from '../daemon/config/config-place.ts';

/** Where the command's configuration is. */
export interface ConfigChoice {
  readonly file?: string;
  /** By key path: `{ 'vxlan.port': '4790' }`. */
  readonly flags: Readonly<Record<string, string>>;
}

/** Adds `--config` and a flag for each key that may have one. */
export function addConfigOptions(command: Command): Command {
  command.option(
    '--config <file>',
    `configuration file (YAML); default ${DEFAULT_CONFIG_FILE} if there is one (${CONFIG_VARIABLE})`,
  );
  for (const path of inlinePaths) {
    const placeholder = configKeys[path].kind === 'list' ? 'list' : 'value';
    command.addOption(new Option(`--${flagOf(path)} <${placeholder}>`, describe(path)));
  }
  return command;
}

function describe(path: ConfigPath): string {
  const key: ConfigKey = configKeys[path];
  const separated = key.kind === 'list' ? ', separated by commas' : '';
  const standard = typeof key.default === 'string' ? `; default ${key.default}` : '';
  return `${key.meaning}${separated}${standard} (${variableOf(path)})`;
}

/** What was given, and the file that counts. */
export function configChoice(command: Command): ConfigChoice {
  const options = command.opts<Record<string, string | undefined>>();
  const given = inlinePaths.flatMap((path) => {
    const value = options[new Option(`--${flagOf(path)} <value>`).attributeName()];
    return value === undefined ? [] : [[path, value] as const];
  });
  const file = configFileOf(options['config'], process.env);
  return { ...(file !== undefined && { file }), flags: Object.fromEntries(given) };
}
