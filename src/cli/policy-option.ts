/** Options of `weft policy`, as they are written. */
import { type Command, InvalidArgumentError } from 'commander';
import type { PolicyReport } from '../api/policy-api.ts';
import { problemsOfPortName } from '../policy/name-syntax.ts';
import type { PolicyProtocol } from '../policy/policy.ts';
import { MAX_PORT } from './number-option.ts';

const protocols = { tcp: 'TCP', udp: 'UDP', sctp: 'SCTP', icmp: 'ICMP' } as const satisfies Record<
  string,
  PolicyProtocol | 'ICMP'
>;

/** Adds where policies and pods are. */
export function withFiles(command: Command): Command {
  return command
    .option('--files <path...>', 'policies and namespaces: manifests (YAML, JSON), or directories of them')
    .option('--pods <file>', 'pods, as kubectl get pods,nodes,namespaces -A -o json prints them');
}

/** Asks the daemon. What it is asked for, no file says. @throws WeftError with what else can be done where no daemon runs */
export async function askPolicies(command: Command): Promise<PolicyReport> {
  const [{ readingClient }, { WeftError }] = await Promise.all([import('./daemon-socket.ts'), import('../errors.ts')]);
  try {
    return await readingClient(command).policies();
  } catch (error) {
    if (!(error instanceof WeftError)) throw error;
    const hint = error.code === 'daemon-not-running' ? '; without a daemon, give --files and --pods' : '';
    // There is no answer: the code of a failure would say that something is denied.
    throw new WeftError('usage', `${error.message}${hint}`, error.details);
  }
}

/** Adds which packets are asked about. */
export function withTraffic(command: Command): Command {
  return command
    .option('--proto <protocol>', 'tcp, udp, sctp or icmp; otherwise tcp with a port, else everything', parseProtocol)
    .option('--dport <port>', 'destination port, or its name in the containers of the destination', parsePort);
}

function parseProtocol(text: string): PolicyProtocol | 'ICMP' {
  const name = text.toLowerCase();
  if (Object.hasOwn(protocols, name)) return protocols[name as keyof typeof protocols];
  throw new InvalidArgumentError(`Not one of ${Object.keys(protocols).join(', ')}.`);
}

function parsePort(text: string): number | string {
  const number = Number(text);
  if (/^\d{1,5}$/.test(text) && number >= 1 && number <= MAX_PORT) return number;
  if (problemsOfPortName(text).length === 0) return text;
  throw new InvalidArgumentError(`Neither a whole number from 1 to ${MAX_PORT} nor the name of a port.`);
}
