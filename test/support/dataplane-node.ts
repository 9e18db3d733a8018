/**
 * A node with a dataplane and nothing else, as a process of its own, so that it can live in a network namespace.
 *
 * Argument: a {@link DataplaneNodeSetup} as JSON. Writes a line of JSON when it runs, and one per line that it reads:
 * `status`. Ends when its standard input does; `throw` and `exit` end it in other ways.
 */
import { createInterface } from 'node:readline';
import { Dataplane } from '../../src/daemon/dataplane.ts';
import type { OptionalFeature } from '../../src/daemon/optional-feature.ts';
import { WeftError } from '../../src/errors.ts';
import { nodeAddressIn } from '../../src/ipam/pool.ts';
import { parseEndpoint, parseIpAddress, parseMacAddress } from '../../src/wire/address.ts';
import { parsePrefix } from '../../src/wire/prefix.ts';

export interface DataplaneNodeSetup {
  readonly underlayAddress: string;
  readonly overlayMtuBytes: number;
  readonly mac: string;
  readonly prefixes: readonly string[];
  readonly without?: readonly OptionalFeature[];
  readonly outerFragmentation?: boolean;
  readonly workers?: number;
  readonly cpus?: readonly number[];
  readonly busyPollUs?: number;
  readonly peers: readonly {
    readonly endpoint: string;
    readonly mac: string;
    readonly mtuBytes: number;
    readonly prefixes: readonly string[];
  }[];
}

function parsed<Value>(value: Value | undefined): Value {
  if (value === undefined) throw new TypeError('setup has something that cannot be parsed');
  return value;
}

function say(message: object): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}

async function main(setup: DataplaneNodeSetup): Promise<void> {
  const mac = parsed(parseMacAddress(setup.mac));
  const dataplane = await Dataplane.start({
    tunDevice: 'weft0',
    underlayAddress: parsed(parseIpAddress(setup.underlayAddress)),
    vxlanPort: 4789,
    vni: 42,
    overlayMtuBytes: setup.overlayMtuBytes,
    nodeAddresses: setup.prefixes.map((text) => nodeAddressIn(parsed(parsePrefix(text)))),
    outerFragmentation: setup.outerFragmentation ?? true,
    mac,
    workers: setup.workers ?? 1,
    without: setup.without ?? [],
    cpus: setup.cpus ?? [],
    busyPollUs: setup.busyPollUs ?? 0,
  });
  dataplane.onDeath((error) => {
    say({ death: error.message });
    process.exit(3);
  });
  const owners = [{ prefixes: setup.prefixes }, ...setup.peers];
  dataplane.publish({
    mac,
    peers: setup.peers.map(({ endpoint, mac, mtuBytes }, index) => ({
      index: index + 1,
      endpoint: parsed(parseEndpoint(endpoint)),
      mac: parsed(parseMacAddress(mac)),
      mtuBytes,
      remoteChecksum: !(setup.without ?? []).includes('remoteChecksum'),
    })),
    routes: owners.flatMap(({ prefixes }, peer) =>
      prefixes.map((text) => ({ prefix: parsed(parsePrefix(text)), peer })),
    ),
  });
  const status = (): object => ({
    features: dataplane.features,
    accounts: dataplane.accounts(),
    tunQueueOverflow: dataplane.tunQueueOverflow(),
  });
  say(status());
  for await (const line of createInterface({ input: process.stdin })) {
    if (line === 'status') say(status());
    if (line === 'exit') process.exit(7);
    if (line === 'throw') setImmediate(() => JSON.parse('{'));
  }
  await dataplane.stop();
}

try {
  await main(JSON.parse(process.argv[2] ?? '') as DataplaneNodeSetup);
} catch (error) {
  say({ code: error instanceof WeftError ? error.code : 'bug', message: String(error) });
  process.exitCode = 1;
}
