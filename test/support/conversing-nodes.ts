/** Nodes that ask each other, each at a port of its own of this machine. Gossip between them is left out: each knows all. */
import type { ExecutionContext } from 'ava';
import type { ClusterKeys } from '../../src/authentication/sealed-gossip.ts';
import { GossipEndpoint } from '../../src/daemon/gossip/gossip-endpoint.ts';
import { Remote, REMOTE } from '../../src/daemon/remote/remote.ts';
import type { Member } from '../../src/membership/announcement.ts';
import type { Endpoint } from '../../src/wire/address.ts';
import { endpoint, memberOf } from './announcements.ts';
import { fixedKeys, keyOf } from './cluster-keys.ts';
import { freePort } from './free-port.ts';
import { silentLogger } from './silent-logger.ts';

/** Node `number`, its socket, and what it asks with. */
export interface ConversingNode {
  readonly name: string;
  readonly at: Endpoint;
  readonly door: GossipEndpoint;
  readonly remote: Remote;
}

/** What may differ from node to node. */
export interface ConversingOptions {
  readonly keys?: ClusterKeys | 'none';
  readonly capabilities?: readonly string[];
}

/** At this machine, where nobody listens. */
export async function freeEndpoint(): Promise<Endpoint> {
  return endpoint(`127.0.0.1:${await freePort()}`);
}

/** n1, n2 ... which hold key 1 unless their options say otherwise. They end with the test. */
export async function conversingNodes(
  t: ExecutionContext,
  ...options: readonly ConversingOptions[]
): Promise<{ readonly nodes: readonly ConversingNode[]; readonly members: Member[] }> {
  const members: Member[] = [];
  const nodes: ConversingNode[] = [];
  for (const [index, { keys = fixedKeys(keyOf(1)), capabilities = [REMOTE] }] of options.entries()) {
    const at = await freeEndpoint();
    const member = memberOf(index + 1, { gossipEndpoint: at, capabilities });
    members.push(member);
    const { announcement } = member;
    const door = await GossipEndpoint.open({
      announcement,
      keys: keys === 'none' ? undefined : keys,
      receiver: () => quiet,
      logger: silentLogger,
    });
    t.teardown(() => door.close());
    const remote = new Remote({
      identity: announcement.identity,
      conversations: door,
      members: () => members,
      logger: silentLogger,
    });
    nodes.push({ name: announcement.name, at, door, remote });
  }
  return { nodes, members };
}

const quiet = { handleDatagram: () => {}, handleExchange: () => undefined, endpointOf: () => undefined };
