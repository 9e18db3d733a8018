/** Everything that can be run, in the order of the report. */
import type { Figure } from './figure.ts';
import { idle } from './figures/idle.ts';
import { manyRoutes } from './figures/many-routes.ts';
import { routesMemory } from './figures/routes-memory.ts';
import type { Rival } from './rival.ts';
import { kernelVxlan } from './rivals/kernel-vxlan.ts';
import { nebula } from './rivals/nebula.ts';
import { weft } from './rivals/weft.ts';
import { wireguardGo } from './rivals/wireguard-go.ts';
import type { Workload } from './workload.ts';
import { connectionsPerSecond } from './workloads/connections-per-second.ts';
import { memory } from './workloads/memory.ts';
import { roundTrip } from './workloads/round-trip.ts';
import { tcpBothWays } from './workloads/tcp-both-ways.ts';
import { tcpFour } from './workloads/tcp-four.ts';
import { tcpStream } from './workloads/tcp-stream.ts';
import { udpBlast } from './workloads/udp-blast.ts';

/** The rival that the others are compared with. */
export const REFERENCE = kernelVxlan.name;

export const rivals: readonly Rival[] = [kernelVxlan, weft, nebula, wireguardGo];

export const workloads: readonly Workload[] = [
  tcpStream,
  tcpFour,
  tcpBothWays,
  udpBlast(64, 1),
  udpBlast(64, 32),
  udpBlast(1400, 1),
  udpBlast(1400, 32),
  roundTrip('tcp', false),
  roundTrip('udp', false),
  roundTrip('tcp', true),
  roundTrip('udp', true),
  connectionsPerSecond,
  memory,
];

/** Figures of weft alone. */
export const figures: readonly Figure[] = [manyRoutes, routesMemory, idle];

/** What `--quick` runs. */
export const quick = {
  rivals: [kernelVxlan.name, weft.name],
  workloads: ['tcp-stream', 'udp-blast-64', 'round-trip-tcp'],
  rounds: 3,
} as const;
