/**
 * Packets per second to random destinations, with 100 000 routes and with 10. Both daemons get the same traffic: the ten
 * routes cover the addresses of the many. Counted is what the daemon says that it sent.
 */
import type { Figure, Note } from '../figure.ts';
import { startGenerator } from '../generator.ts';
import { pause } from '../interruption.ts';
import type { BlastTask } from '../programs/udp-blaster.ts';
import { MEASURE_MS } from '../workload.ts';
import { coveredAddresses, manyPrefixes, RoutingSite, tenPrefixes } from './routing-site.ts';

const ROUTES = 100_000;
/** For the generator to start, on a busy machine, and for the daemon's code to be compiled. */
const WARM_UP_MS = 1_000;
const WINDOW_MS = MEASURE_MS - WARM_UP_MS;

export const manyRoutes: Figure = {
  name: 'many-routes',
  measures: [
    { id: 'packets-10-routes', title: 'Random destinations, 10 routes', unit: 'kpps', better: 'more' },
    { id: 'packets-100000-routes', title: 'Random destinations, 100 000 routes', unit: 'kpps', better: 'more' },
  ],
  async run(directory: string, rounds: number, note: Note): Promise<void> {
    const few = new RoutingSite('few');
    const many = new RoutingSite('many');
    try {
      await few.start(directory, tenPrefixes());
      await many.start(directory, manyPrefixes(ROUTES));
      for (let round = 0; round < rounds; round++) {
        note(round, 'packets-10-routes', await packetRate(few));
        note(round, 'packets-100000-routes', await packetRate(many));
      }
    } finally {
      await few.stop();
      await many.stop();
    }
  },
};

/** Thousands of packets that the daemon sends per second. */
async function packetRate(routing: RoutingSite): Promise<number> {
  const blast: BlastTask = {
    destination: '10.0.0.0',
    port: 9_000,
    lengthBytes: 64,
    flows: 1,
    durationMs: 60_000,
    addresses: coveredAddresses(ROUTES),
  };
  const blaster = startGenerator('udp-blaster', blast, routing.site.a.podNetns);
  try {
    await pause(WARM_UP_MS);
    const [before, beganMs] = [await sentPackets(routing), performance.now()];
    await pause(WINDOW_MS);
    return ((await sentPackets(routing)) - before) / (performance.now() - beganMs);
  } finally {
    await blaster.stop();
  }
}

async function sentPackets({ daemon }: RoutingSite): Promise<number> {
  const { workers } = await daemon.control.status();
  return workers.reduce((sum, { egress }) => sum + egress.sent, 0);
}
