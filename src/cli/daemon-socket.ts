/**
 * Which daemon a command talks to: `--socket PATH`, else `WEFT_SOCKET`, else as the configuration of this machine has it,
 * else the default.
 */
import { accessSync, constants } from 'node:fs';
import type { Command } from 'commander';
import { defaultSockets, type ConfiguredSockets } from './configured-socket.ts';
import { ControlClient, type ControlClientOptions } from '../client/control-client.ts';
import { withProgress } from './progress.ts';

/** Option of the program that holds {@link ConfiguredSockets}; nobody gives it on the command line. */
const CONFIGURED = 'configuredSockets';

/** Client for whoever may change things. */
export function controlClient(command: Command): ControlClient {
  const named = namedSocket(command);
  if (named !== undefined) return named;
  const { socket, origin } = socketsOf(command);
  return clientOf(socket, { origin });
}

/** Client for reading: where nothing is named and only the read-only socket may be opened, that one. */
export function readingClient(command: Command): ControlClient {
  const named = namedSocket(command);
  if (named !== undefined) return named;
  const { socket, readOnlySocket, origin } = socketsOf(command);
  const preferReadOnly = !mayOpen(socket) && mayOpen(readOnlySocket);
  return clientOf(preferReadOnly ? readOnlySocket : socket, { origin });
}

/** Reads where the daemon of this machine listens, unless it is named. Before any command runs. */
export async function lookUpSockets(program: Command): Promise<void> {
  const { socket } = program.opts<{ socket?: string }>();
  if (socket !== undefined || (process.env['WEFT_SOCKET'] ?? '') !== '') return;
  const { configuredSockets } = await import('./configured-socket.ts');
  program.setOptionValue(CONFIGURED, await configuredSockets(process.env));
}

function socketsOf(command: Command): ConfiguredSockets {
  return command.optsWithGlobals<{ [CONFIGURED]?: ConfiguredSockets }>()[CONFIGURED] ?? defaultSockets;
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
