/**
 * A node with a dataplane and nothing else, as a process of its own, so that it can live in a network namespace.
 *
 * Argument: a {@link DataplaneNodeSetup} as JSON. Writes a line of JSON when it runs, and one per line that it reads:
 * `status`. `capture` begins one of everything, and `captured` says how many packets it saw at each hook since it was last asked.
 * `relayed` and `direct` choose the way to peers that have a relay; the first is what it begins with. Ends when its
 * standard input does; `throw` and `exit` end it in other ways.
 */
import { createInterface } from 'node:readline';
import { Dataplane } from '../../src/daemon/worker/dataplane.ts';
import type { ForwardingPeer, ForwardingState } from '../../src/dataplane/forwarding-state.ts';
import type { OptionalFeature } from '../../src/daemon/config/optional-feature.ts';
import { createTapRingMemory, TapRingReader } from '../../src/dataplane/tap-ring.ts';
import { WeftError } from '../../src/errors.ts';
import { nodeAddressIn } from '../../src/ipam/pool.ts';
import { parseEndpoint, parseIpAddress, parseMacAddress } from '../../src/wire/address.ts';
import { parsePrefix } from '../../src/wire/prefix.ts';
import { ALL_HOOKS, takeRecords } from './tap-records.ts';

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
  /** Whether it relays. */
  readonly relays?: boolean;
  readonly peers: readonly PeerSetup[];
}

export interface PeerSetup {
  readonly endpoint: string;
  readonly mac: string;
  readonly mtuBytes: number;
  readonly prefixes: readonly string[];
  readonly mayRelay?: boolean;
  /** Which of the peers relays to it, by its place in the list. */
  readonly relay?: number;
}

/** Holds all that a test sends between two questions. */
const RING_BYTES = 2 ** 26;

/** Added to the number of a peer, it is that of the way to it through its relay. */
const WAY_OFFSET = 100;

function parsed<Value>(value: Value | undefined): Value {
  if (value === undefined) throw new TypeError('setup has something that cannot be parsed');
  return value;
}

function say(message: object): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}

function stateOf(setup: DataplaneNodeSetup, relayed: boolean): ForwardingState {
  const remoteChecksum = !(setup.without ?? []).includes('remoteChecksum');
  const peers = setup.peers.map(({ endpoint, mac, mtuBytes, mayRelay = false }, index): ForwardingPeer => {
    const at = { endpoint: parsed(parseEndpoint(endpoint)), mac: parsed(parseMacAddress(mac)), mtuBytes };
    return { ...at, index: index + 1, remoteChecksum, mayRelay, mayAskRelay: true };
  });
  const ways = setup.peers.flatMap(({ relay }, index): ForwardingPeer[] => {
    if (relay === undefined) return [];
    const via = { target: index + 1, relay: relay + 1 };
    return [{ ...peers[index]!, index: WAY_OFFSET + index + 1, endpoint: peers[relay]!.endpoint, via }];
  });
  const toPeers = setup.peers.map(({ prefixes, relay }, index) => {
    return { prefixes, peer: index + 1 + (relayed && relay !== undefined ? WAY_OFFSET : 0) };
  });
  const routes = [{ prefixes: setup.prefixes, peer: 0 }, ...toPeers].flatMap(({ prefixes, peer }) =>
    prefixes.map((text) => ({ prefix: parsed(parsePrefix(text)), peer })),
  );
  return { mac: parsed(parseMacAddress(setup.mac)), peers: [...peers, ...ways], relays: setup.relays ?? false, routes };
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
  dataplane.publish(stateOf(setup, true));
  const status = (): object => ({
    features: dataplane.features,
    accounts: dataplane.accounts(),
    tunQueueOverflow: dataplane.tunQueueOverflow(),
  });
  const rings = Array.from({ length: dataplane.workers }, () => createTapRingMemory(RING_BYTES));
  const readers = rings.map((ring) => new TapRingReader(ring));
  const captured = (): Record<string, number> => {
    const segments: Record<string, number> = { lost: 0 };
    for (const reader of readers) {
      segments['lost']! += reader.lost;
      for (const record of takeRecords(reader)) {
        const key = record.hook === 'drop' ? `drop ${record.direction}` : record.hook;
        segments[key] = (segments[key] ?? 0) + record.segments;
      }
    }
    return segments;
  };
  say(status());
  for await (const line of createInterface({ input: process.stdin })) {
    if (line === 'status') say(status());
    if (line === 'capture') {
      const slot = { capture: 1, slot: 0, hooks: ALL_HOOKS, program: undefined, snaplenBytes: 64 };
      dataplane.setCaptures(rings.map((ring) => [{ ...slot, ring }]));
      await dataplane.obeyed();
      say(status());
    }
    if (line === 'captured') say({ ...status(), captured: captured() });
    if (line === 'relayed' || line === 'direct') dataplane.publish(stateOf(setup, line === 'relayed'));
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
