/** Where a key of the configuration was set, for what only turns out to be wrong when the daemon starts. */
import { ConfigError } from '../../errors.ts';
import { readConfigFile, type ConfigSteps } from './config-file.ts';
import { configPaths } from './config-key.ts';
import type { ConfigInput } from './config.ts';
import { sourceOf } from './config-sources.ts';

/** The same error with its file and line, flag or variable in front, as `loadConfig` reports what it finds by itself. */
export function withOrigin(error: ConfigError, input: ConfigInput): ConfigError {
  const text = String(error.details['path']);
  const path = configPaths.find((one) => text === one || text.startsWith(`${one}[`));
  if (path === undefined) return error;
  const file = input.file === undefined ? undefined : readConfigFile(input.file);
  const origin = sourceOf(path, { file, flags: input.flags, env: input.env }).origin(stepsOf(text.slice(path.length)));
  return origin === '' ? error : new ConfigError('', `${origin}: ${error.message}`, { ...error.details });
}

/** `[0].endpoint` -> `[0, 'endpoint']`. */
function stepsOf(text: string): ConfigSteps {
  return [...text.matchAll(/\[(\d+)\]|\.?([^.[]+)/g)].map(([, index, key = '']) =>
    index === undefined ? key : Number(index),
  );
}
