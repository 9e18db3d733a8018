import test from 'ava';
import { compileFilter } from '../../../src/capture/bpf-compiler.ts';
import { parseBpfProgram } from '../../../src/capture/bpf-program.ts';
import { traceFilter } from '../../../src/daemon/probes/trace-filter.ts';
import { encodeTraceProbe, NUMBER_BITS, recognize, type TracedPacket } from '../../../src/daemon/probes/trace-probe.ts';
import { IpProtocol } from '../../../src/wire/ip.ts';
import { parseIpAddress } from '../../../src/wire/address.ts';
import { SeededRandom } from '../../../src/sim/seeded-random.ts';

const addresses = {
  4: ['10.244.1.2', '10.244.2.3'],
  6: ['fd00:10:244:1::2', 'fd00:10:244:2::3'],
} as const;
const headerBytes = { 4: 20, 6: 40 } as const;
const sourceAt = { 4: 12, 6: 8 } as const;
const addressBytes = { 4: 4, 6: 16 } as const;
const echo = { 4: IpProtocol.icmp, 6: IpProtocol.icmpv6 } as const;

function traced(family: 4 | 6, protocol: number, mark = 0x8_4_60): TracedPacket {
  const [source, destination] = addresses[family].map((text) => parseIpAddress(text)!) as [never, never];
  return { source, destination, protocol, sourcePort: mark, destinationPort: 80, sizeBytes: 100, mark };
}

/** The same packet with both ends exchanged: what the other end answers. */
function answerTo(packet: Uint8Array, family: 4 | 6, protocol: number): Uint8Array {
  const answer = packet.slice();
  const [at, length] = [sourceAt[family], addressBytes[family]];
  answer.set(packet.subarray(at + length, at + 2 * length), at);
  answer.set(packet.subarray(at, at + length), at + length);
  const transport = headerBytes[family];
  if (protocol === echo[family]) answer[transport] = family === 4 ? 0 : 129;
  else {
    answer.set(packet.subarray(transport + 2, transport + 4), transport);
    answer.set(packet.subarray(transport, transport + 2), transport + 2);
  }
  return answer;
}

/** "Unreachable" about a packet, of whichever router. */
function errorAbout(packet: Uint8Array, family: 4 | 6): Uint8Array {
  const [at, length, header] = [sourceAt[family], addressBytes[family], headerBytes[family]];
  const error = new Uint8Array(header + 8 + packet.length);
  error.set(packet.subarray(0, header));
  error.fill(0x0a, at, at + length);
  error.set(packet.subarray(at, at + length), at + length);
  error[family === 4 ? 9 : 6] = echo[family];
  error[header] = family === 4 ? 3 : 1;
  error.set(packet, header + 8);
  return error;
}

const kinds = ([4, 6] as const).flatMap((family) =>
  [echo[family], IpProtocol.udp, IpProtocol.tcp].map((protocol) => ({ family, protocol })),
);

for (const { family, protocol } of kinds) {
  const name = `protocol ${protocol} over IPv${family}`;

  test(`a probe, its answer and an error about it are known again: ${name}`, (t) => {
    const packet = traced(family, protocol);
    const filter = compileFilter(parseBpfProgram(JSON.parse(JSON.stringify(traceFilter(packet)))));
    for (const number of [0, 1, (1 << NUMBER_BITS) - 1]) {
      const probe = encodeTraceProbe(packet, number);
      t.is(probe.length, 100);
      const all = {
        probe,
        answer: answerTo(probe, family, protocol),
        error: errorAbout(probe, family),
      };
      for (const [role, bytes] of Object.entries(all)) {
        t.deepEqual(recognize(packet, bytes, 0, bytes.length), { number, role } as never, role);
        t.not(filter(bytes, 0, bytes.length), 0, role);
      }
    }
  });

  test(`what another trace sends is nothing to this one: ${name}`, (t) => {
    const packet = traced(family, protocol);
    const filter = compileFilter(traceFilter(packet));
    const probe = encodeTraceProbe(traced(family, protocol, 0x84_80), 1);
    for (const bytes of [probe, answerTo(probe, family, protocol), errorAbout(probe, family)]) {
      t.is(recognize(packet, bytes, 0, bytes.length), undefined);
      t.is(filter(bytes, 0, bytes.length), 0);
    }
  });

  const seed = Number(process.env['SEED'] ?? 1);
  test(`whatever is known again passes the filter, wherever it is damaged or cut: ${name}, seed ${seed}`, (t) => {
    const random = new SeededRandom(seed);
    const packet = traced(family, protocol);
    const filter = compileFilter(traceFilter(packet));
    const probe = encodeTraceProbe(packet, 3);
    const originals = [probe, answerTo(probe, family, protocol), errorAbout(probe, family)];
    let known = 0;
    for (let round = 0; round < 3_000; round++) {
      const bytes = originals[round % 3]!.slice(0, 1 + (random.uint32() % 160));
      bytes[random.uint32() % bytes.length] = random.uint32() & 0xff;
      // IPv4 options, which neither probes nor answers have.
      if (family === 4 && bytes[0] !== 0x45) continue;
      if (family === 6 && bytes[0]! >> 4 !== 6) continue;
      const isQuotedWithOptions = bytes.length > 28 && round % 3 === 2 && family === 4 && bytes[28] !== 0x45;
      if (recognize(packet, bytes, 0, bytes.length) === undefined || isQuotedWithOptions) continue;
      if (filter(bytes, 0, bytes.length) === 0) return t.fail(`round ${round}: ${Buffer.from(bytes).toString('hex')}`);
      known++;
    }
    return t.true(known > 100);
  });
}
