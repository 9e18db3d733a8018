/** What it is called, in each direction, that something is wrong with an inner packet. */
import { DropReason } from './drop-reason.ts';
import { ChecksumState } from './inner-checksum.ts';
import { InnerFault } from './inner-packet.ts';

type Fault = Exclude<InnerFault, typeof InnerFault.none>;

/** For a packet from a pod. */
export const egressFaultReason: Readonly<Record<Fault, DropReason>> = {
  [InnerFault.notIp]: DropReason.packetNotIp,
  [InnerFault.truncated]: DropReason.packetTruncated,
  [InnerFault.badLength]: DropReason.packetBadLength,
  [InnerFault.badExtensions]: DropReason.packetBadExtensions,
};

/** For a packet from a peer. */
export const ingressFaultReason: Readonly<Record<Fault, DropReason>> = {
  [InnerFault.notIp]: DropReason.innerNotIp,
  [InnerFault.truncated]: DropReason.innerTruncated,
  [InnerFault.badLength]: DropReason.innerBadLength,
  [InnerFault.badExtensions]: DropReason.innerBadExtensions,
};

/** For a packet from a peer, whose checksum was looked at; -1: it may pass. */
export const checksumReason: Readonly<Record<ChecksumState, DropReason | -1>> = {
  [ChecksumState.complete]: -1,
  [ChecksumState.partial]: -1,
  [ChecksumState.wrong]: DropReason.innerBadChecksum,
  [ChecksumState.truncated]: DropReason.innerTruncated,
  [ChecksumState.badLength]: DropReason.innerBadLength,
};
