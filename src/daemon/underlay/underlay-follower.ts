/** What it takes to have another underlay address while the daemon runs: everything that is bound to it, in order. */
import type { Logger } from '../../env/logger.ts';
import { runCommand } from '../../linux/command.ts';
import type { Endpoint, IpAddress } from '../../wire/address.ts';
import type { Config } from '../config/config.ts';
import type { Dataplane } from '../worker/dataplane.ts';
import type { EventSink } from '../process/event-log.ts';
import type { Gossip } from '../gossip/gossip.ts';
import { chooseUnderlay, type Underlay } from './underlay.ts';
import { UnderlayWatch } from './underlay-watch.ts';
import { GEAR } from '../../forwarding/active-peers.ts';

export interface UnderlayFollowerOptions {
  readonly config: Config;
  /** Chosen at the start, by these seeds. Their names are not resolved again: without an address, nobody can. */
  readonly underlay: Underlay;
  readonly seeds: readonly Endpoint[];
  /** Of this node in Kubernetes, now. */
  readonly internalAddresses: () => readonly IpAddress[];
  readonly dataplane: Pick<Dataplane, 'moveTo'>;
  readonly gossip: Pick<Gossip, 'moveTo'>;
  /** Called when everything is bound to another address, or the interface has another name. */
  readonly onMoved: (underlay: Underlay) => void;
  readonly events: EventSink;
  readonly logger: Logger;
}

/**
 * Watches the address from now on, and has workers and gossip follow it. The workers come first: whoever hears of the new
 * address sends to it at once.
 */
export function followUnderlay(options: UnderlayFollowerOptions): UnderlayWatch {
  const { config, underlay, seeds, internalAddresses, dataplane, gossip, onMoved, events, logger } = options;
  return new UnderlayWatch({
    underlay,
    configuredInterface: config.underlay.interface,
    choose: async (inUse) => chooseUnderlay(config, seeds, runCommand, inUse, internalAddresses()),
    rename: onMoved,
    take: async (moved) => {
      const { interface: device, address } = moved;
      await dataplane.moveTo(address);
      await introduce(device, logger);
      const endpoint = { address, port: config.vxlan.port };
      await gossip.moveTo({ address, port: config.gossip.port }, [{ gear: GEAR, endpoint }]);
      onMoved(moved);
    },
    events,
    logger,
  });
}

/**
 * Lets neighbours on the link learn who has the address now: forgets them, so that they are asked for their own before the
 * next packet to each, and by that question learn ours (RFC 826; RFC 4861, section 7.2.3). Where two nodes exchange their
 * addresses, others would else send to the wrong one of them until their own entries expire.
 */
async function introduce(device: string, logger: Logger): Promise<void> {
  try {
    await runCommand(['ip', 'neigh', 'flush', 'dev', device], { purpose: `forget the neighbours on ${device}` });
  } catch (error) {
    logger.warn({ err: error, interface: device }, 'neighbours may take a while to learn the new underlay address');
  }
}
