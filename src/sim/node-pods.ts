/** The pods of simulated nodes. */
import type { DirectoryPod } from '../directory/directory-pod.ts';

/** Pod `serial` of node `number`, as it is known at some time: a pod that changed has another `revision`. About 110 bytes. */
export function podOf(number: number, serial: number, revision = 0): DirectoryPod {
  const v6 = new Uint8Array(16);
  v6.set([0xfd, 0x00, 0x00, 0x10, 0, 0, number >> 8, number & 0xff]);
  v6.set([(serial + 2) >> 8, (serial + 2) & 0xff], 14);
  return {
    name: `web-${number}-${serial}`,
    namespace: serial % 2 === 0 ? 'default' : 'shop',
    addresses: [
      { family: 4, bytes: Uint8Array.of(10, number >> 8, number & 0xff, (serial + 2) & 0xff) },
      { family: 6, bytes: v6 },
    ],
    labels: { app: 'web', 'pod-template-hash': `${1_000_000 + 7 * serial + revision}` },
    hasMoreLabels: false,
    ports: [],
    hasMorePorts: false,
    isSuperseded: false,
  };
}

/** The first `count` pods of a node. */
export function podsOf(number: number, count: number): DirectoryPod[] {
  return Array.from({ length: count }, (_, serial) => podOf(number, serial));
}
