/** What the doctor looks at on a machine, whether a daemon runs there or not. */
import { existsSync, readFileSync } from 'node:fs';
import { release } from 'node:os';
import type { HostFacts, Plumbing, Unseen } from '../../doctor/facts.ts';
import { descriptorLimit, machineFiles, openDescriptors } from '../../linux/descriptors.ts';
import type { NftTable } from '../../linux/nftables.ts';
import { readRuleset } from '../../linux/ruleset.ts';
import { readTaskLimits } from '../../linux/task-limits.ts';
import type { Config } from '../config/config.ts';
import { Sights } from './sights.ts';
import { inspectMachine, missingRequirements } from './requirements.ts';
import { POD_DEVICES } from './pod-devices.ts';
import { GOSSIP_PORT } from '../../membership/parameters.ts';
import { VXLAN_PORT } from '../../wire/vxlan.ts';
import { DEFAULT_TUN_DEVICE } from '../config/config-place.ts';

/** What a daemon goes by if it is not told anything else. */
export const defaultPlumbing: Plumbing = {
  tunDevice: DEFAULT_TUN_DEVICE,
  podDevices: POD_DEVICES,
  vxlanPort: VXLAN_PORT,
  gossipPort: GOSSIP_PORT,
  clusterPrefixes: [],
  nodePrefixes: [],
  underlay: undefined,
  pods: [],
};

/** The same, but for what is known. */
export function plumbingOf(known: Partial<Plumbing>): Plumbing {
  return { ...defaultPlumbing, ...known };
}

/** The same, as a configuration has it. */
export function plumbingIn({ tun, vxlan, gossip, clusterPrefixes, nodePrefixes }: Config): Plumbing {
  return plumbingOf({
    tunDevice: tun.device,
    vxlanPort: vxlan.port,
    gossipPort: gossip.port,
    clusterPrefixes,
    nodePrefixes,
  });
}

/** Reads all of it, now. @throws WeftError if something cannot be looked at */
export async function readHostFacts(plumbing: Plumbing): Promise<HostFacts> {
  return hostFacts(plumbing, missingHere(), await readRuleset(), {});
}

/** Reads what can be read now. @param without a table of weft's own that is judged elsewhere, and need not be listed, see `readRuleset` */
export async function lookAtHost(plumbing: Plumbing, without: readonly NftTable[] = []): Promise<HostFacts> {
  const sights = new Sights();
  const missing = await sights.look('machine', missingHere, []);
  const firewall = await sights.look('firewall', async () => readRuleset(undefined, without), { chains: [] });
  return hostFacts(plumbing, missing, firewall, sights.unseen);
}

function missingHere(): HostFacts['missing'] {
  return missingRequirements(inspectMachine());
}

function hostFacts(
  plumbing: Plumbing,
  missing: HostFacts['missing'],
  firewall: HostFacts['firewall'],
  unseen: Unseen,
): HostFacts {
  return {
    unseen,
    missing,
    kernelRelease: release(),
    hasIpv6: existsSync('/proc/self/net/if_inet6'),
    firewall,
    limits: {
      descriptors: { open: openDescriptors(), limit: descriptorLimit() },
      tasks: readTaskLimits(),
      files: machineFiles(),
    },
    plumbing: { ...plumbing, underlay: plumbing.underlay ?? likelyUnderlay() },
  };
}

/** Where no daemon says which it is: the device of the default route. */
function likelyUnderlay(): Plumbing['underlay'] {
  try {
    const routes = readFileSync('/proc/self/net/route', 'utf8').split('\n').slice(1);
    const [device] = routes.map((line) => line.split('\t')).find(([, destination]) => destination === '00000000') ?? [];
    return device === undefined ? undefined : { device, address: undefined };
  } catch {
    return undefined;
  }
}
