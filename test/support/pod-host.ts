/**
 * Runs pod operations in the network namespace in which this process was started, and prints what came of each as JSON.
 *
 *     nsenter --net=/run/netns/NODE -- node test/support/pod-host.ts '{"stateDir": …, "operations": [["ensure"], …]}'
 */
import type { PodRequest } from '../../src/api/control-api.ts';
import { NodeNetwork } from '../../src/daemon/host/node-network.ts';
import { NodeFirewall } from '../../src/daemon/rules/node-firewall.ts';
import { OwnPrefixes } from '../../src/daemon/routes/own-prefixes.ts';
import { Pods } from '../../src/daemon/pods/pods.ts';
import { checkRequirements } from '../../src/daemon/host/requirements.ts';
import { resetHost } from '../../src/daemon/reset.ts';
import { DEFAULT_NAMESPACE } from '../../src/directory/pod-name.ts';
import { ExhaustedError, WeftError } from '../../src/errors.ts';
import type { PodRecord } from '../../src/daemon/pods/pod-record.ts';
import { PODS_JOURNAL } from '../../src/daemon/pods/stored-pods.ts';
import { StateJournal } from '../../src/daemon/state/state-journal.ts';
import { openBootClock } from '../../src/linux/boot-clock.ts';
import { hasDevice } from '../../src/linux/device-names.ts';
import { JournalDirectory } from '../../src/linux/journal-directory.ts';
import { parseIpAddress } from '../../src/wire/address.ts';
import { parsePrefix, type Prefix } from '../../src/wire/prefix.ts';
import { nodeAddressIn } from '../../src/ipam/pool.ts';
import { silentLogger } from './silent-logger.ts';

/** Name of the TUN device of the tests. */
export const TUN_DEVICE = 'weft0';

export type Operation =
  | readonly ['requirements']
  | readonly ['ensure']
  | readonly ['reconcile']
  | readonly ['add', string, PodRequest]
  /** Begins in this order, without waiting for each other. */
  | readonly ['addTogether', readonly (readonly [string, PodRequest])[]]
  | readonly ['remove', string, namespace?: string]
  | readonly ['list']
  | readonly ['freeGone', string]
  | readonly ['reset']
  | readonly ['status']
  /** What became of edges of pods, each with whether the cable was there: `prepare web false`. */
  | readonly ['edges']
  | readonly ['check', 'look' | 'repair']
  /**
   * Ends the process as `kill -9` does, when it has written that often from now on and is about to write again: a line of the journal is
   * two, the line and its way to the disk.
   */
  | readonly ['crashAfterWrites', number];

export interface Scenario {
  readonly stateDir: string;
  readonly nodePrefixes: readonly string[];
  readonly clusterPrefixes: readonly string[];
  readonly mtuBytes: number;
  /** Pod whose edge cannot be made. */
  readonly edgeless?: string | undefined;
  /** Pod that cannot be made before the edge of another is. */
  readonly awaiting?: string | undefined;
  /** Of the boot of the machine; absent: the true one. */
  readonly bootId?: string | undefined;
  readonly operations: readonly Operation[];
}

/** What came of an operation. */
export interface Outcome {
  readonly value?: unknown;
  readonly error?: { readonly code: string; readonly message: string };
  readonly durationMs: number;
}

/** Dies in the middle of whatever the pods are doing. */
class CrashingDisk extends JournalDirectory {
  writesLeft = Infinity;

  override append(name: string, text: string): void {
    this.#write(() => super.append(name, text));
  }

  override create(name: string, text: string): void {
    this.#write(() => super.create(name, text));
  }

  override sync(name: string): void {
    this.#write(() => super.sync(name));
  }

  override rename(from: string, to: string): void {
    this.#write(() => super.rename(from, to));
  }

  override syncDirectory(): void {
    this.#write(() => super.syncDirectory());
  }

  #write(write: () => void): void {
    if (this.writesLeft === 0) process.kill(process.pid, 'SIGKILL');
    write();
    this.writesLeft--;
  }
}

if (import.meta.main) await run(JSON.parse(process.argv[2] ?? '') as Scenario);

async function run(scenario: Scenario): Promise<void> {
  const { stateDir, mtuBytes } = scenario;
  const nodePrefixes = scenario.nodePrefixes.map(prefix);
  const network = {
    tunDevice: TUN_DEVICE,
    mtuBytes,
    prefixes: new OwnPrefixes(nodePrefixes),
    nodeAddresses: nodePrefixes.map(nodeAddressIn),
    logger: silentLogger,
  };
  const clusterPrefixes = scenario.clusterPrefixes.map(prefix);
  const firewall = new NodeFirewall({
    rules: {
      ...network,
      clusterPrefixes,
      vxlanPort: 4_789,
      metrics: undefined,
      names: true,
      masquerade: { intoOverlay: true, vxlan: false },
    },
    nodes: {
      underlay: { interface: 'eth0', address: parseIpAddress('198.18.0.1')! },
      ports: { data: 4_789, gossip: 7_948 },
      seeds: [],
      staticPeers: [],
      prefixes: nodePrefixes,
      members: [],
    },
    logger: silentLogger,
  });
  const node = new NodeNetwork({ ...network, clusterPrefixes, servicePrefixes: () => [], firewall });
  const disk = new CrashingDisk(stateDir);
  const edges: string[] = [];
  const note = (what: string, { name, hostDevice }: PodRecord): void => {
    edges.push(`${what} ${name} ${hasDevice(hostDevice)}`);
  };
  const otherEdge = Promise.withResolvers<void>();
  let made: Pods | undefined;
  // Not before it is needed: a reset works where what is stored is damaged.
  const pods = (): Pods =>
    (made ??= new Pods({
      ...network,
      clusterPrefixes,
      networkName: 'default',
      netnsPrefix: '',
      staticPeers: [],
      members: () => [],
      canAnnounce: () => true,
      journal: new StateJournal(PODS_JOURNAL, disk),
      bootClock: { ...openBootClock(), ...(scenario.bootId !== undefined && { bootId: scenario.bootId }) },
      wallClockMs: () => Date.now(),
      edge: {
        expect: async ({ name }) => (name === scenario.awaiting ? otherEdge.promise : Promise.resolve()),
        prepare: async (record) => {
          note('prepare', record);
          if (record.name !== scenario.awaiting) otherEdge.resolve();
          if (record.name === scenario.edgeless) throw new ExhaustedError('edge-full', 'there is no room', {});
          return Promise.resolve();
        },
        release: async (record) => Promise.resolve(note('release', record)),
      },
    }));

  const perform = async (operation: Operation): Promise<unknown> => {
    const [verb] = operation;
    if (verb === 'requirements') return checkRequirements();
    if (verb === 'ensure') {
      const notices = await node.ensure();
      // As a daemon does when it starts: this makes the tables that bind pods to their addresses.
      await pods().inspect();
      return [...notices, ...pods().sources.notices()];
    }
    if (verb === 'reconcile') return pods().reconcile();
    if (verb === 'add') return pods().add(operation[1], operation[2]);
    if (verb === 'addTogether') return Promise.all(operation[1].map(async (one) => pods().add(...one)));
    if (verb === 'remove') return pods().remove(operation[1], operation[2] ?? DEFAULT_NAMESPACE);
    if (verb === 'list') return pods().list();
    if (verb === 'freeGone') return pods().freeGone(operation[1]);
    if (verb === 'reset') return resetHost({ stateDir, tunDevice: TUN_DEVICE });
    if (verb === 'edges') return edges;
    if (verb === 'status') return pods().leaseStatus();
    if (verb === 'check') return pods().checkLeases(operation[1] === 'repair');
    // What is read at the start does not count.
    pods();
    disk.writesLeft = operation[1];
    return undefined;
  };
  const outcomes: Outcome[] = [];
  for (const operation of scenario.operations) {
    const startMs = performance.now();
    try {
      const value = await perform(operation);
      outcomes.push({ value, durationMs: performance.now() - startMs });
    } catch (error) {
      const code = error instanceof WeftError ? error.code : 'bug';
      outcomes.push({ error: { code, message: (error as Error).message }, durationMs: performance.now() - startMs });
    }
  }
  process.stdout.write(JSON.stringify(outcomes));
}

function prefix(text: string): Prefix {
  const parsed = parsePrefix(text);
  if (parsed === undefined) throw new RangeError(`${text} is not a prefix`);
  return parsed;
}
