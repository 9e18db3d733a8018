/** Which features of the dataplane a worker makes use of. */
import type { UnderlaySockets, WorkerDescriptors } from './worker-descriptors.ts';
import type { WorkerSetup } from './worker-report.ts';
import type { Features } from '../../api/feature.ts';

/** @param segmentation whether `UDP_SEGMENT` is in use at the moment: it is given up when the kernel or a device refuses it. */
export function featuresOf(
  { without }: WorkerSetup,
  { tun, fragmentFd }: WorkerDescriptors,
  { receiving }: UnderlaySockets,
  segmentation: boolean,
): Features {
  return {
    tunChecksum: tun.offloads.checksum,
    tunTcpSegmentation: tun.offloads.tcpSegmentation,
    tunUdpSegmentation: tun.offloads.udpSegmentation,
    udpSegmentation: segmentation,
    udpCoalescing: receiving.coalescing,
    coalescing: !without.includes('coalescing'),
    remoteChecksum: !without.includes('remoteChecksum'),
    ecn: !without.includes('ecn'),
    outerFragmentation: fragmentFd !== -1,
  };
}
