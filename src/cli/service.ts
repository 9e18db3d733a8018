/** `weft service`: services of a cluster without Kubernetes. */
import type { Command } from 'commander';
import { addServiceAdd } from './service-add.ts';
import { addServiceList } from './service-list.ts';
import { addServiceRm } from './service-rm.ts';

/** Adds `service` with its verbs, and `services`. */
export function registerService(program: Command): void {
  const service = program
    .command('service')
    .description('one address for several pods, in a cluster without Kubernetes');
  addServiceAdd(service);
  addServiceRm(service);
  addServiceList(service, 'list');
  addServiceList(program, 'services');
}
