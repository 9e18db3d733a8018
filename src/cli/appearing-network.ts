/** The CNI network of a node, put in place by its daemon: a runtime calls its node ready as soon as the network is there. */
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ControlClient } from '../client/control-client.ts';
import { installNetwork, type Installation } from '../cni/installation.ts';
import type { DaemonHooks } from '../daemon/lifecycle.ts';

/** From one look at a node that is not ready to the next, in ms. */
const LOOK_INTERVAL_MS = 250;

/** How long until what failed is tried again, in ms: somebody has to make the directory writable, or to move a file away. */
const RETRY_INTERVAL_MS = 30_000;

/**
 * Puts it there when the first container could be attached. One that is there stays, also when the daemon ends.
 *
 * @param alongside interface in each container beside that of the network that is there; `undefined`: weft is the network.
 */
export function appearingNetwork(
  { binDirectory, confDirectory }: Installation,
  alongside: string | undefined,
): DaemonHooks {
  const where = { binDirectory: resolve(binDirectory), confDirectory: resolve(confDirectory) };
  return {
    onServing: async ({ control }, logger, end) => {
      const client = new ControlClient(control.socket);
      while (!end.aborted) {
        let waitMs = LOOK_INTERVAL_MS;
        try {
          const { ready, spool } = await client.attachmentStatus();
          if (ready) {
            const network = { socket: resolve(control.socket), spool };
            const choice = alongside === undefined ? {} : { alongside };
            const { path, outcome, why } = installNetwork(network, where, choice);
            logger.info({ path, outcome, why }, 'the CNI network is in place');
            return;
          }
        } catch (error) {
          logger.error({ err: error, retryMs: RETRY_INTERVAL_MS }, 'the CNI network cannot be put in place');
          waitMs = RETRY_INTERVAL_MS;
        }
        await sleep(waitMs, undefined, { ref: false });
      }
    },
  };
}
