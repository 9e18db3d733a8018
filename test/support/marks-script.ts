/** Marks connections in the network namespace in which it was started, and prints what came of it as JSON. */
import { runCommand } from '../../src/linux/command.ts';
import { markConnections } from '../../src/linux/connections.ts';
import { formatIpAddress } from '../../src/wire/address.ts';

export interface MarksReport {
  readonly marked: readonly { readonly set: number; readonly cleared: number }[];
  /** Each connection as it is told. */
  readonly seen: readonly string[];
  /** `PROTOCOL FROM mark=MARK` of each in the end. */
  readonly left: readonly string[];
}

const BIT = 0x10_00_00_00;
const purpose = 'test';

const connections = [
  'tcp -s 10.0.0.1 -d 10.96.0.1 --reply-src 10.0.0.9 --reply-dst 10.0.0.1 --reply-port-src 8080',
  'udp -s 10.0.0.1 -d 192.0.2.1 --reply-src 192.0.2.1 --reply-dst 10.0.0.1 --reply-port-src 53',
  'tcp -s 10.0.0.2 -d 192.0.2.1 --reply-src 192.0.2.1 --reply-dst 10.0.0.2 --reply-port-src 53',
  'udp -s fd00::2 -d 2001:db8::2 --reply-src 2001:db8::2 --reply-dst fd00::2 --reply-port-src 53',
  'tcp -s fd00::2 -d 2001:db8::2 --reply-src 2001:db8::2 --reply-dst fd00::2 --reply-port-src 53',
];
for (const line of connections) {
  const more = `--sport 1000 --dport 53 --reply-port-dst 1000 -t 600 --mark 5${line.startsWith('tcp') ? ' --state ESTABLISHED' : ''}`;
  await runCommand(['conntrack', ...`-I -p ${line} ${more}`.split(' ')], { purpose });
}

const seen: string[] = [];
const marked = [
  await markConnections(BIT, (connection) => {
    const { source, destination, protocol, sourcePort, destinationPort } = connection;
    const [from, to] = [source, destination].map(formatIpAddress);
    seen.push(`${from} -> ${to} ${protocol} ${sourcePort} -> ${destinationPort}`);
    return protocol === 6 && from !== '10.0.0.2' ? true : undefined;
  }),
  await markConnections(BIT, ({ mark }) => (mark & BIT) !== 0),
  await markConnections(BIT, ({ source }) => (source.family === 4 ? false : undefined)),
];
const listed = await Promise.all(
  ['ipv4', 'ipv6'].map(async (family) => await runCommand(['conntrack', '-L', '-f', family], { purpose })),
);
const left = listed.flatMap((text) =>
  [...text.matchAll(/^(\w+).*?src=(\S+) .*(mark=\d+)/gm)].map(
    ([, protocol, from, mark]) => `${protocol} ${from} ${mark}`,
  ),
);
const report: MarksReport = { marked, seen: seen.toSorted(), left: left.toSorted() };
process.stdout.write(JSON.stringify(report));
