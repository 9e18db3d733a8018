/** Why a socket of the daemon could not be talked to, in words that help. */
import { WeftError } from '../errors.ts';

/** @param place the path, and how it was chosen. @param remedy for whoever may not open it. */
export function connectError(
  socketPath: string,
  place: string,
  remedy: string,
  error: NodeJS.ErrnoException,
): WeftError {
  if (error instanceof WeftError) return error;
  const details = { socket: socketPath, errno: error.code ?? '' };
  if (error.code === 'ENOENT' || error.code === 'ECONNREFUSED') {
    const why = error.code === 'ENOENT' ? 'there is no such socket' : 'nobody listens there';
    return new WeftError('daemon-not-running', `no daemon at ${place}: ${why}`, details);
  }
  if (error.code === 'EACCES' || error.code === 'EPERM') {
    return new WeftError('socket-permission', `not allowed to open ${place}: ${remedy}`, details);
  }
  return new WeftError('daemon-unreachable', `cannot talk to the daemon at ${place}: ${error.message}`, details);
}
