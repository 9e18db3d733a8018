/** Which daemon a command talks to: `--socket PATH`, else `WEFT_SOCKET`, else the default. */
import { accessSync, constants } from 'node:fs';
import type { Command } from 'commander';
import { ControlClient, type ControlClientOptions } from './control-client.ts';
import { withProgress } from './progress.ts';

const DEFAULT_SOCKET = '/run/weft/weft.sock';
const DEFAULT_READ_ONLY_SOCKET = '/run/weft/weft-ro.sock';

/** Client for whoever may change things. */
export function controlClient(command: Command): ControlClient {
  const named = namedSocket(command);
  return named ?? clientOf(DEFAULT_SOCKET, { origin: 'the default; change it with --socket or WEFT_SOCKET' });
}

/** Client for reading: where nothing is named and only the read-only socket may be opened, that one. */
export function readingClient(command: Command): ControlClient {
  const named = namedSocket(command);
  if (named !== undefined) return named;
  const preferReadOnly = !mayOpen(DEFAULT_SOCKET) && mayOpen(DEFAULT_READ_ONLY_SOCKET);
  return preferReadOnly ? clientOf(DEFAULT_READ_ONLY_SOCKET, { origin: 'the default' }) : controlClient(command);
}

function namedSocket(command: Command): ControlClient | undefined {
  const { socket } = command.optsWithGlobals<{ socket?: string }>();
  if (socket !== undefined) return clientOf(socket, { origin: 'from --socket' });
  const variable = process.env['WEFT_SOCKET'] ?? '';
  return variable === '' ? undefined : clientOf(variable, { origin: 'from WEFT_SOCKET' });
}

function clientOf(socketPath: string, options: ControlClientOptions): ControlClient {
  return new ControlClient(socketPath, { ...options, whileWaiting });
}

/** A person at a terminal sees that a command which takes long still works. */
async function whileWaiting<Answer>(answer: Promise<Answer>): Promise<Answer> {
  return await withProgress('waiting for the daemon', answer);
}

function mayOpen(path: string): boolean {
  try {
    accessSync(path, constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
