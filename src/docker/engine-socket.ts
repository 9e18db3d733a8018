/** Where the engine listens: its Unix socket. */
import { WeftError } from '../errors.ts';

/** Docker's own; Podman has one that speaks the same. */
export const DEFAULT_ENGINE_SOCKET = '/var/run/docker.sock';

/**
 * The socket that a person named, or that `DOCKER_HOST` does.
 *
 * @throws WeftError `usage` for an engine that is not at a Unix socket: weft has to see the processes of its containers.
 */
export function engineSocket(option: string | undefined, dockerHost: string | undefined): string {
  const [named, origin] = option === undefined ? [dockerHost ?? '', 'DOCKER_HOST'] : [option, '--engine'];
  if (named === '') return DEFAULT_ENGINE_SOCKET;
  const path = named.startsWith('unix://') ? named.slice('unix://'.length) : named;
  if (path.startsWith('/')) return path;
  throw new WeftError(
    'usage',
    `${origin} is ${JSON.stringify(named)}: weft attaches containers of this machine only, by the engine's Unix socket, such as unix://${DEFAULT_ENGINE_SOCKET}`,
  );
}
