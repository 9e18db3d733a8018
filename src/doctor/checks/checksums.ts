/** Packets that arrive damaged: as good as always, an offload of a network card or a hypervisor that computes wrong sums. */
import { byHand, found, type DaemonCheck, type FindingKinds } from '../check.ts';

const finds: FindingKinds = {
  'offload-corrupts': {
    severity: 'error',
    title: 'packets of other nodes arrive with wrong checksums',
    cause: 'a network card or hypervisor that gets checksums of tunnelled packets wrong, or a link that corrupts',
    follows: ['faults-injected'],
  },
};

/** Drop reasons of packets whose sums are wrong. */
const reasons: readonly string[] = ['inner-bad-checksum', 'inner-bad-ip-checksum', 'remote-checksum-mismatch'];

/** A bit falls over now and then on any network. */
const MIN_PACKETS = 3;

export const checksums: DaemonCheck = {
  subject: 'checksums of packets that arrive',
  needs: 'daemon',
  finds,
  look: ({ daemon: { recent, underlay } }) => {
    const { dropped, udpChecksumErrors, seconds } = recent;
    const wrong = reasons.filter((reason) => (dropped[reason] ?? 0) > 0);
    const total = wrong.reduce((sum, reason) => sum + dropped[reason]!, udpChecksumErrors);
    if (total < MIN_PACKETS) return [];
    const evidence = [
      ...wrong.map((reason) => `${dropped[reason]} packets in the last ${seconds} s were dropped as ${reason}`),
      ...(udpChecksumErrors === 0
        ? []
        : [`the kernel dropped ${udpChecksumErrors} UDP datagrams in the last ${seconds} s for their outer checksum`]),
    ];
    const fix = byHand(
      `turn checksum offloads off at the nodes that send, one after the other; if it helps, leave it so`,
      `ethtool -K ${underlay.device} tx off`,
      `ethtool -K ${underlay.device} tx-udp_tnl-segmentation off tx-udp_tnl-csum-segmentation off`,
    );
    return [found(finds, 'offload-corrupts', evidence, fix)];
  },
};
