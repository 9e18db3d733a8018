/** Resident memory of a daemon with 10 000 routes, some seconds after it has read them. */
import type { Figure, Note } from '../figure.ts';
import { pause } from '../interruption.ts';
import { residentMegabytes } from '../processor-time.ts';
import { manyPrefixes, RoutingSite } from './routing-site.ts';

const ROUTES = 10_000;
const SETTLING_MS = 5_000;

export const routesMemory: Figure = {
  name: 'routes-memory',
  measures: [{ id: 'memory-10000-routes', title: 'Memory with 10 000 routes', unit: 'MB', better: 'less' }],
  async run(directory: string, _rounds: number, note: Note): Promise<void> {
    const routing = new RoutingSite('routes');
    try {
      await routing.start(directory, manyPrefixes(ROUTES));
      await pause(SETTLING_MS);
      note(0, 'memory-10000-routes', residentMegabytes(routing.daemon.program.pid));
    } finally {
      await routing.stop();
    }
  },
};
