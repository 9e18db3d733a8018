/** Injected faults, put together with the dataplane and with what the control server asks. */
import type { Notice } from '../../api/control-api.ts';
import type { Fault, FaultRequest } from '../../api/fault-api.ts';
import { InjectedFaults } from './injected-faults.ts';
import { systemClock, systemRandom } from '../process/system-environment.ts';
import type { Config } from '../config/config.ts';
import type { Dataplane } from '../worker/dataplane.ts';
import type { OverlayRoutes } from '../../forwarding/overlay-routes.ts';
import type { Gossip } from '../gossip/gossip.ts';
import type { EventSink } from '../process/event-log.ts';
import type { Logger } from '../../env/logger.ts';

/** What the control server asks of it. Each answers when it is so at all workers. */
export interface FaultHandlers {
  faults(): readonly Fault[];
  /** @throws ConflictError `faults-off`; NotFoundError `peer-unknown`; ExhaustedError `too-many-faults` */
  addFault(request: FaultRequest): Promise<Fault>;
  /** What has ended. @throws NotFoundError `fault-unknown` */
  removeFault(id: number): Promise<Fault>;
  clearFaults(): Promise<readonly Fault[]>;
}

/** What faults are injected into. */
export interface FaultParts {
  readonly config: Config;
  readonly dataplane: Dataplane;
  readonly routes: OverlayRoutes;
  readonly gossip: Gossip;
  readonly events: EventSink;
  readonly logger: Logger;
}

/** Puts it together. */
export function composeFaults({ config, dataplane, routes, gossip, events, logger }: FaultParts): {
  readonly handlers: FaultHandlers;
  notices(): Notice[];
  close(): void;
} {
  const faults = new InjectedFaults({
    isEnabled: config.faults,
    numberOf: (peer) => {
      const entry = [...routes.entryNames()].find(([, { name, relay }]) => name === peer && relay === '');
      return entry?.[0] ?? 0;
    },
    isKnown: (peer) => routes.peers(gossip.clockOffsetMs()).some(({ name }) => name === peer),
    order: (rules) => dataplane.setFaults(rules),
    counted: (rule) => dataplane.faultCounted(rule),
    clock: systemClock,
    wallClockMs: Date.now,
    random: systemRandom,
    events,
    logger,
  });
  const settled = async <Answer>(answer: Answer): Promise<Answer> => {
    await faults.inForce();
    return answer;
  };
  return {
    handlers: {
      faults: () => faults.list(),
      addFault: async (request) => settled(faults.add(request)),
      removeFault: async (id) => settled(faults.remove(id)),
      clearFaults: async () => settled(faults.clear()),
    },
    notices: () => faults.notices(),
    close: () => faults.close(),
  };
}
