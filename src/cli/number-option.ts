/** Options that are numbers, checked here: errors of the daemon name keys of its API, which nobody has typed. */
import { type Command, InvalidArgumentError } from 'commander';

export const MAX_PORT = 65_535;

/** Parser of a whole number in this range. */
export function wholeFrom(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d{1,9}$/.test(text) && value >= least && value <= most) return value;
    throw new InvalidArgumentError(`Not a whole number from ${least} to ${most}.`);
  };
}

/** Refuses ports of what has none. Without `proto` it is ICMP; what is no protocol at all, the daemon says. */
export function refuseAlienPorts(
  command: Command,
  proto: string | undefined,
  ports: Readonly<Record<string, unknown>>,
): void {
  const given = Object.keys(ports).find((name) => ports[name] !== undefined);
  if (given === undefined || ['tcp', 'udp', '6', '17'].includes(proto?.toLowerCase() ?? '')) return;
  command.error(`error: option '--${given} <port>' needs --proto tcp or udp`);
}
