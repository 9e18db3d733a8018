/** The dataplane, put together: the TUN device, and the workers that move packets. */
import type { Link } from '../linux/link.ts';
import type { Composition } from './composition.ts';
import type { ThreadReserve } from './process/thread-reserve.ts';
import type { ThisNode } from './this-node.ts';
import { Dataplane } from './worker/dataplane.ts';

/** Begins to start it; the device is there when it has started. What is opened meanwhile is closed before it. */
export function composeDataplane(
  { config, opened }: Composition,
  node: ThisNode,
  { reserve, links }: { readonly reserve: ThreadReserve; readonly links: readonly Link[] },
): Promise<Dataplane> {
  const starting = Dataplane.start({
    tunDevice: config.tun.device,
    underlayAddress: node.underlay.address,
    vxlanPort: config.vxlan.port,
    vni: config.vxlan.vni,
    overlayMtuBytes: node.deviceMtuBytes,
    outerFragmentation: config.pathMtu.outerFragmentation,
    nodeAddresses: node.nodeAddresses,
    mac: node.mac,
    faults: config.faults,
    recorderBytes: config.recorder.sizeBytes,
    reserve,
    links,
    ...config.dataplane,
  });
  opened.defer(async () => {
    const dataplane = await starting.catch(() => undefined);
    await dataplane?.stop();
  });
  return starting;
}
