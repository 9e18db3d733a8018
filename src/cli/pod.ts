/** `weft pod`: its verbs. */
import type { Command } from 'commander';
import { registerPodAdd } from './pod-add.ts';
import { registerPodList } from './pod-list.ts';
import { registerPodRm } from './pod-rm.ts';

/** Adds `pod` with all its verbs. */
export function registerPod(program: Command): void {
  const pod = program.command('pod').description("attach and detach this node's pods");
  registerPodAdd(pod);
  registerPodRm(pod);
  registerPodList(pod);
}
