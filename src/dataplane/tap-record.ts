/**
 * What a tap writes into its ring: one record per packet, or super-packet, and hook. Little-endian: it never leaves the machine.
 *
 *     | header, 96 bytes | the packet, cut to the snap length | a note, mostly none | padding to a multiple of 8 |
 *
 * A super-packet is one record; whoever reads it cuts it into the segments that it stands for.
 */

/** Offsets of the fields, in bytes. Each is unsigned unless it says otherwise. */
export const TapField = {
  /** 32 bits: header, packet and padding. 0: nothing more up to the end of the ring, go on at its start. */
  recordBytes: 0,
  /** 8 bits: see `Hook`. */
  hook: 4,
  /** 8 bits: 0 egress, 1 ingress. */
  direction: 5,
  /** 8 bits: see {@link TapForm}. */
  form: 6,
  /** 8 bits: which captures want it, a bit each, by their slot. */
  captures: 7,
  /** Signed, 16 bits: see `DropReason`; -1: not dropped. */
  reason: 8,
  /** 16 bits. */
  worker: 10,
  /** 32 bits: number of the peer, or way, that it goes to or came from; 0: none that is known. */
  peer: 12,
  /** 32 bits each: when, by CLOCK_MONOTONIC. */
  seconds: 16,
  nanoseconds: 20,
  /** 32 bits each: the packet's whole length, by its form, and how much of it is here. */
  lengthBytes: 24,
  capturedBytes: 28,
  /**
   * 16 bits each: payload of each segment, 0 if it is no super-packet; length of its IP and transport headers. They count, and
   * not what a virtio-net header says: a packet may be cut smaller than the pod wished.
   */
  gsoSize: 32,
  headerLength: 34,
  /** 32 bits: how many inner packets it stands for. */
  segments: 36,
  /** 16 bits each: UDP ports of the outer header; 0 where there is none yet. */
  localPort: 40,
  remotePort: 42,
  /** 8 bits each: family of the outer header (4, 6; 0: there is none), its traffic class, its hop limit (0: not known). */
  family: 44,
  trafficClass: 45,
  hopLimit: 46,
  /** 16 bytes each, the first four used for IPv4: addresses of the outer header, this node's and the other one's. */
  localAddress: 48,
  remoteAddress: 64,
  /** 32 bits: number of the forwarding state it was judged by. */
  generation: 80,
  /** 32 bits: records that found no room in this ring before this one, since it was made. */
  lost: 84,
  /** 32 bits: length of the note, of {@link TapForm.kernel} only: what its comment says beside the rest, as such a comment. UTF-8. */
  noteBytes: 88,
} as const;

/** Length of the header, in bytes. */
export const TAP_HEADER_BYTES = 96;

/** What the bytes after the header are. */
export const TapForm = {
  /** A virtio-net header of 10 bytes, which says what is left to do for checksums and segments, and an IP packet. */
  virtio: 0,
  /** An IP packet, complete. */
  inner: 1,
  /** A UDP payload: VXLAN header, Ethernet header, IP packet. */
  datagram: 2,
  /** An IP packet as the kernel told it, which no worker saw. Its checksum may be partial. */
  kernel: 3,
} as const;

export type TapForm = (typeof TapForm)[keyof typeof TapForm];
