/** The dataplane, put together: the TUN device, and the workers that move packets. */
import type { Composition } from './composition.ts';
import type { ThisNode } from './this-node.ts';
import { Dataplane } from './worker/dataplane.ts';

/** Starts it. */
export async function composeDataplane({ config, opened }: Composition, node: ThisNode): Promise<Dataplane> {
  const dataplane = await Dataplane.start({
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
    ...config.dataplane,
  });
  opened.defer(() => dataplane.stop());
  return dataplane;
}
