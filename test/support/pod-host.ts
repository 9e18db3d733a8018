/**
 * Runs pod operations in the network namespace in which this process was started, and prints what came of each as JSON.
 *
 *     nsenter --net=/run/netns/NODE -- node test/support/pod-host.ts '{"stateDir": …, "operations": [["ensure"], …]}'
 */
import { join } from 'node:path';
import type { PodRequest } from '../../src/api/control-api.ts';
import { NodeNetwork } from '../../src/daemon/host/node-network.ts';
import { NodeFirewall } from '../../src/daemon/rules/node-firewall.ts';
import { OwnPrefixes } from '../../src/daemon/routes/own-prefixes.ts';
import { Pods } from '../../src/daemon/pods/pods.ts';
import { checkRequirements } from '../../src/daemon/host/requirements.ts';
import { resetHost } from '../../src/daemon/reset.ts';
import type { Store } from '../../src/env/store.ts';
import { WeftError } from '../../src/errors.ts';
import { StateFile } from '../../src/daemon/state/state-file.ts';
import { FileStore } from '../../src/linux/file-store.ts';
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
  | readonly ['remove', string]
  | readonly ['list']
  | readonly ['freeGone', string]
  | readonly ['reset']
  /** Ends the process as `kill -9` does, when it has saved that often from now on and is about to save again. */
  | readonly ['crashAfterSaves', number];

export interface Scenario {
  readonly stateDir: string;
  readonly nodePrefixes: readonly string[];
  readonly clusterPrefixes: readonly string[];
  readonly mtuBytes: number;
  readonly operations: readonly Operation[];
}

/** What came of an operation. */
export interface Outcome {
  readonly value?: unknown;
  readonly error?: { readonly code: string; readonly message: string };
  readonly durationMs: number;
}

/** Dies in the middle of whatever the pods are doing. */
class CrashingStore implements Store {
  readonly #store: Store;
  savesLeft = Infinity;

  constructor(store: Store) {
    this.#store = store;
  }

  load(): unknown {
    return this.#store.load();
  }

  save(document: unknown): void {
    if (this.savesLeft === 0) process.kill(process.pid, 'SIGKILL');
    this.#store.save(document);
    this.savesLeft--;
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
  const node = new NodeNetwork({ ...network, clusterPrefixes, firewall });
  const store = new CrashingStore(new FileStore(join(stateDir, 'pods.json')));
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
      store: new StateFile('pods.json', store),
      wallClockMs: () => Date.now(),
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
    if (verb === 'remove') return pods().remove(operation[1]);
    if (verb === 'list') return pods().list();
    if (verb === 'freeGone') return pods().freeGone(operation[1]);
    if (verb === 'reset') return resetHost({ stateDir, tunDevice: TUN_DEVICE });
    store.savesLeft = operation[1];
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
