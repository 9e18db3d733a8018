/** Which file the configuration is read from, and where the sockets are that follow from it. */
import { existsSync } from 'node:fs';

/** Used where it exists, and no other is named. */
export const DEFAULT_CONFIG_FILE = '/etc/weft/weft.yaml';

/** Names another file. */
export const CONFIG_VARIABLE = 'WEFT_CONFIG';

/** Default of `control.socket`. */
export const DEFAULT_SOCKET = '/run/weft/weft.sock';

/** Where the daemon keeps what it knows over a restart, if it is not told otherwise. */
export const DEFAULT_STATE_DIR = '/var/lib/weft';

/** Name of the TUN device, if nobody chooses another. */
export const DEFAULT_TUN_DEVICE = 'weft0';

/**
 * The file: of `--config`, else of the variable, else the default one if there is one. `undefined`: there is none, and flags
 * and variables say it all.
 */
export function configFileOf(
  named: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
  defaultFile = DEFAULT_CONFIG_FILE,
): string | undefined {
  const variable = env[CONFIG_VARIABLE];
  if (named !== undefined) return named;
  // As with other variables: an empty one counts as unset.
  if (variable !== undefined && variable !== '') return variable;
  return existsSync(defaultFile) ? defaultFile : undefined;
}

/** Default of `control.readOnlySocket`, beside `control.socket`: `/run/weft/weft.sock` -> `/run/weft/weft-ro.sock`. */
export function readOnlySocketPath(controlSocketPath: string): string {
  return `${controlSocketPath.replace(/\.sock$/, '')}-ro.sock`;
}
