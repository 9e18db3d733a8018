/** What of a link is heard by who answers for addresses of pools: programs for whole Ethernet frames. */
import { BpfClass, type BpfInstruction, BpfJump, BpfMode, type BpfProgram, BpfSize } from '../capture/bpf-program.ts';
import type { AddressPool } from '../services/address-pool.ts';
import { ETHERNET_HEADER_LENGTH } from '../wire/ethernet.ts';
import { Icmpv6Type } from '../wire/icmpv6.ts';
import { IpProtocol } from '../wire/ip.ts';
import { IPV6_HEADER_LENGTH } from '../wire/ipv6.ts';
import { readU32 } from '../wire/octets.ts';

const LOAD = BpfClass.ld | BpfMode.absolute;
const JUMP = BpfClass.jmp;
const ALL_BYTES = 0xffff;

/** Where the addresses of an ARP packet lie in a frame. */
const ARP_SENDER = ETHERNET_HEADER_LENGTH + 14;
const ARP_TARGET = ETHERNET_HEADER_LENGTH + 24;

const accept: BpfInstruction = [BpfClass.ret, 0, 0, ALL_BYTES];
const refuse: BpfInstruction = [BpfClass.ret, 0, 0, 0];

/** Packets of ARP whose sender or target has an address of one of the pools. */
export function arpFilter(pools: readonly AddressPool[]): BpfProgram {
  const ranges = pools
    .filter(({ first }) => first.family === 4)
    .map(({ first, last }) => [readU32(first.bytes, 0), readU32(last.bytes, 0)] as const);
  return [
    ...[ARP_TARGET, ARP_SENDER].flatMap((at): BpfInstruction[] => [
      [LOAD | BpfSize.word, 0, 0, at],
      ...ranges.flatMap(([first, last]): BpfInstruction[] => [
        [JUMP | BpfJump.greaterOrEqual, 0, 2, first],
        [JUMP | BpfJump.greater, 1, 0, last],
        accept,
      ]),
    ]),
    refuse,
  ];
}

/** Neighbor Solicitations and Advertisements. */
export function neighborFilter(): BpfProgram {
  return [
    [LOAD | BpfSize.byte, 0, 0, ETHERNET_HEADER_LENGTH + 6],
    [JUMP | BpfJump.equal, 0, 4, IpProtocol.icmpv6],
    [LOAD | BpfSize.byte, 0, 0, ETHERNET_HEADER_LENGTH + IPV6_HEADER_LENGTH],
    [JUMP | BpfJump.equal, 1, 0, Icmpv6Type.neighborSolicitation],
    [JUMP | BpfJump.equal, 0, 1, Icmpv6Type.neighborAdvertisement],
    accept,
    refuse,
  ];
}
