/** The way out for single packets, from the bytes that the TUN device gave to a datagram in the batch, accounts included. */
import type { MicroBenchmark } from './micro-benchmark.ts';
import { pushRepeatedly, readOfDatagram } from './packet-source.ts';

/** virtio-net, IP and UDP headers: all that is ever overwritten. */
const HEAD_BYTES = 10 + 28;

export const encapsulation: readonly MicroBenchmark[] = ([64, 1400] as const).flatMap((payloadBytes) =>
  (['complete', 'partial'] as const).map((checksum): MicroBenchmark => ({
    name: `encapsulation, UDP ${payloadBytes} bytes, checksum ${checksum}`,
    unit: 'packet',
    unitsPerRepetition: 1,
    prepare: () => pushRepeatedly(readOfDatagram(payloadBytes, checksum), HEAD_BYTES),
  })),
);
