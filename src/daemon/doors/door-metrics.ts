/** The metrics of doors, and of what there may be nothing left of, declared for a registry that is made for each scrape. */
import { Counter, Gauge, type Registry } from '@prometheus-io/client';
import type { Shortages } from '../process/shortages.ts';
import type { Door } from './descriptor-budget.ts';
import type { HttpDoor } from './http-door.ts';

/** Where they are read. */
export interface DoorSources {
  readonly doors: ReadonlyMap<Door, Pick<HttpDoor, 'connections' | 'counters'>>;
  readonly shortages: Pick<Shortages, 'counts'>;
  readonly openDescriptors: () => number;
  readonly descriptorLimit: () => number;
}

/** Adds everything to `registry`. */
export function declareDoors(registry: Registry, sources: DoorSources): void {
  const registers = [registry];
  const connections = new Gauge({
    name: 'weft_door_connections',
    help: 'Connections at the doors of the daemon at the moment.',
    labelNames: ['door'],
    registers,
  });
  const turnedAway = new Counter({
    name: 'weft_door_turned_away_connections_total',
    help: 'Connections that were not served: refused, displaced by others, or late.',
    labelNames: ['door', 'reason'],
    registers,
  });
  for (const [door, { connections: count, counters }] of sources.doors) {
    connections.set({ door }, count);
    for (const reason of ['refused', 'displaced', 'late'] as const) turnedAway.inc({ door, reason }, counters[reason]);
  }
  new Gauge({
    name: 'weft_open_descriptors',
    help: 'File descriptors that the daemon has open.',
    registers,
  }).set(sources.openDescriptors());
  new Gauge({
    name: 'weft_max_descriptors',
    help: 'File descriptors that the daemon may have open (RLIMIT_NOFILE).',
    registers,
  }).set(sources.descriptorLimit());
  const shortages = new Counter({
    name: 'weft_shortages_total',
    help: 'How often there was nothing left of something for the daemon: descriptors, files, processes, memory.',
    labelNames: ['of'],
    registers,
  });
  for (const [of, count] of sources.shortages.counts) shortages.inc({ of }, count);
}
