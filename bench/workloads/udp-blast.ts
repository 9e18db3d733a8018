/** UDP at full blast: more is sent than anybody can carry, and what arrives is counted. */
import { reportOf, startAnswering, startGenerator } from '../generator.ts';
import type { BlastTask } from '../programs/udp-blaster.ts';
import type { ReceiveTask } from '../programs/udp-receiver.ts';
import type { Site } from '../site.ts';
import { MEASURE_MS, type Subject, type Workload } from '../workload.ts';

const PORT = 9_000;
const WARM_UP_MS = 500;
/** The window begins with the first datagram, which may be some time after the first was sent. */
const REST_MS = 300;

/** Datagrams of `lengthBytes`, over `flows` source ports. */
export function udpBlast(lengthBytes: 64 | 1400, flows: 1 | 32): Workload {
  const name = `udp-blast-${lengthBytes}${flows === 1 ? '' : `-${flows}-flows`}`;
  const title = `UDP ${lengthBytes} bytes, ${flows === 1 ? '1 flow' : `${flows} flows`}`;
  return {
    name,
    measures: [{ id: name, title, unit: 'kpps', better: 'more' }],
    run: async ({ site }: Subject) => [await blastRate(site, lengthBytes, flows)],
  };
}

/** Thousands of datagrams that arrive each second, from pod a at pod b. */
export async function blastRate(site: Site, lengthBytes: number, flows: number): Promise<number> {
  const windowMs = MEASURE_MS - WARM_UP_MS - REST_MS;
  const receive: ReceiveTask = { port: PORT, lengthBytes, warmUpMs: WARM_UP_MS, windowMs };
  const receiver = await startAnswering('udp-receiver', receive, site.b.podNetns);
  try {
    const blast: BlastTask = {
      destination: site.b.podAddress,
      port: PORT,
      lengthBytes,
      flows,
      durationMs: MEASURE_MS,
    };
    await startGenerator('udp-blaster', blast, site.a.podNetns).output();
    const { received } = await reportOf<{ received: number }>(receiver);
    return received / windowMs;
  } finally {
    await receiver.stop();
  }
}
