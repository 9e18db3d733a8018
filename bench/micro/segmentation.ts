/** The way out for TCP super-packets: headers are built and checksums made for each segment, payloads stay where they are. */
import type { MicroBenchmark } from './micro-benchmark.ts';
import { pushRepeatedly, readOfSuperPacket, TCP_HEADERS_BYTES } from './packet-source.ts';

/** What fits in an overlay MTU of 1450 bytes. */
const GSO_SIZE = 1410;
const SEGMENTS = 46;
const HEAD_BYTES = 10 + TCP_HEADERS_BYTES;

const row = { prepare: () => pushRepeatedly(readOfSuperPacket(SEGMENTS, GSO_SIZE), HEAD_BYTES) };

export const segmentation: readonly MicroBenchmark[] = [
  { ...row, name: `segmentation, TCP ${SEGMENTS} x ${GSO_SIZE} bytes`, unit: 'segment', unitsPerRepetition: SEGMENTS },
];
