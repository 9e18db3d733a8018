/** Ports of a service, as they are given to a command. Pure. */
import { InvalidArgumentError } from 'commander';

/** As in a Service of Kubernetes. */
export interface WantedPort {
  readonly name?: string;
  readonly protocol: 'TCP' | 'UDP' | 'SCTP';
  readonly port: number;
  readonly targetPort: number | string;
}

/** `[NAME=]PORT[:TARGET][/PROTOCOL]`. @throws InvalidArgumentError */
export function parseServicePort(text: string): WantedPort {
  const match = /^(?:(?<name>[^=]+)=)?(?<port>\d+)(?::(?<target>[^/]+))?(?:\/(?<protocol>tcp|udp|sctp))?$/i.exec(text);
  if (match === null)
    throw new InvalidArgumentError('A port is [NAME=]PORT[:TARGET][/PROTOCOL], like 80:8080 or dns=53/udp.');
  const { name, port, target = port!, protocol = 'tcp' } = match.groups as Record<string, string | undefined>;
  return {
    ...(name !== undefined && { name }),
    protocol: protocol.toUpperCase() as WantedPort['protocol'],
    port: Number(port),
    targetPort: /^\d+$/.test(target) ? Number(target) : target,
  };
}
