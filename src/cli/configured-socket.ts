/** Where the daemon of this machine listens by its configuration, for commands that were not told. */
import { CONFIG_VARIABLE, configFileOf, DEFAULT_SOCKET, readOnlySocketPath } from '../daemon/config/config-place.ts';

export interface ConfiguredSockets {
  readonly socket: string;
  readonly readOnlySocket: string;
  /** For messages: `from /etc/weft/weft.yaml`. */
  readonly origin: string;
}

/** Where it listens if nobody says anything. */
export const defaultSockets: ConfiguredSockets = {
  socket: DEFAULT_SOCKET,
  readOnlySocket: readOnlySocketPath(DEFAULT_SOCKET),
  origin: 'the default; change it with --socket or WEFT_SOCKET',
};

/**
 * Looks into the file that a daemon would read, for the sockets alone: whatever else is wrong in it is the daemon's to say.
 * Not everybody may read it; then the defaults count.
 */
export async function configuredSockets(
  env: Readonly<Record<string, string | undefined>>,
  defaultFile?: string,
): Promise<ConfiguredSockets> {
  const file = configFileOf(undefined, env, defaultFile);
  if (file === undefined) return defaultSockets;
  // Only here: to read YAML takes longer than most commands do.
  const { readConfigFile } = await import('../daemon/config/config-file.ts');
  let control: unknown;
  try {
    ({ control } = readConfigFile(file).root);
  } catch {
    return {
      ...defaultSockets,
      origin: `the default, as ${file} cannot be read; change it with --socket or WEFT_SOCKET`,
    };
  }
  const { socket, readOnlySocket } = Object(control) as {
    readonly socket?: unknown;
    readonly readOnlySocket?: unknown;
  };
  const isNamed = typeof socket === 'string';
  const path = isNamed ? socket : DEFAULT_SOCKET;
  return {
    socket: path,
    readOnlySocket: typeof readOnlySocket === 'string' ? readOnlySocket : readOnlySocketPath(path),
    origin: isNamed ? `control.socket of ${file}; ${CONFIG_VARIABLE} names another file` : defaultSockets.origin,
  };
}
