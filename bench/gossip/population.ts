/**
 * A population of nodes that exist in gossip only, as a program.
 *
 *     population.ts ENDPOINT COUNT KEY-FILE [PODS]
 *
 * Each of them has so many pods, none unless said otherwise; they too are told to whoever asks.
 *
 * Writes `ready` when it listens.
 */
import { parseEndpoint } from '../../src/wire/address.ts';
import { PopulationGossip } from './population-gossip.ts';
import { populationMember, populationPods } from './population-member.ts';

const [endpointText = '', countText = '', keyFile = '', podsText = '0'] = process.argv.slice(2);
const endpoint = parseEndpoint(endpointText)!;
const nodes = Array.from({ length: Number(countText) }, (_, index) => ({
  announcement: populationMember(index, endpoint),
  pods: populationPods(index, Number(podsText)),
}));
await PopulationGossip.open({ endpoint, nodes, keyFile });
// The clock's timers and the sockets alone do not say that there is something to do.
setInterval(() => {}, 60_000);
process.stdout.write('ready\n');
