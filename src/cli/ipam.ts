/** `weft ipam`: its verbs. */
import type { Command } from 'commander';
import { registerIpamCheck } from './ipam-check.ts';
import { registerIpamStatus } from './ipam-status.ts';

/** Adds `ipam` with all its verbs. */
export function registerIpam(program: Command): void {
  const ipam = program.command('ipam').description("addresses of this node's pods, and whether all agree on them");
  registerIpamStatus(ipam);
  registerIpamCheck(ipam);
}
