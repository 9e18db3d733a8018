/** Has connections forgotten in the network namespace in which it was started, and prints what is left as JSON. */
import { runCommand } from '../../src/linux/command.ts';
import { forgetConnections, tellsOfConnections } from '../../src/linux/connections.ts';
import { parseIpAddress } from '../../src/wire/address.ts';

export interface ConnectionsReport {
  readonly tells: boolean;
  /** `from to` of each that is left. */
  readonly left: readonly string[];
}

const purpose = 'test';
const address = (text: string) => parseIpAddress(text)!;

/** From where to where, and from where it is answered if that is another: by a forwarded port. */
const connections: readonly (readonly [from: string, to: string, answeredFrom?: string])[] = [
  ['10.0.0.1', '192.0.2.1'],
  ['192.0.2.2', '10.0.0.1'],
  ['192.0.2.3', '192.0.2.4', '10.0.0.1'],
  ['fd00::1', '2001:db8::1'],
  ['10.0.0.2', '192.0.2.5'],
  ['10.0.0.3', '192.0.2.6'],
  ['10.0.0.11', '192.0.2.7'],
  ['fd00::2', '2001:db8::2'],
];

const lines = connections.flatMap(([from, to, answeredFrom = to]) =>
  ['udp', 'tcp'].map(
    (protocol) =>
      `-I -p ${protocol} -s ${from} -d ${to} --reply-src ${answeredFrom} --reply-dst ${from} --sport 1000 --dport 53 ` +
      `--reply-port-src 53 --reply-port-dst 1000 -t 600${protocol === 'tcp' ? ' --state ESTABLISHED' : ' -u ASSURED'}`,
  ),
);
for (const line of lines) await runCommand(['conntrack', ...line.split(' ')], { purpose });
await Promise.all([
  forgetConnections([address('10.0.0.1'), address('fd00::1')]),
  forgetConnections([address('10.0.0.2')]),
]);
await forgetConnections([]);
const listed = await Promise.all(
  ['ipv4', 'ipv6'].map(async (family) => await runCommand(['conntrack', '-L', '-f', family], { purpose })),
);
const left = listed.flatMap((text) =>
  [...text.matchAll(/^(\w+).*?src=(\S+) dst=(\S+)/gm)].map(([, protocol, from, to]) => `${protocol} ${from} ${to}`),
);
const report: ConnectionsReport = { tells: tellsOfConnections(), left: left.toSorted() };
process.stdout.write(JSON.stringify(report));
