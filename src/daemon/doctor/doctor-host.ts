/** What the doctor looks at on a machine, whether a daemon runs there or not. */
import { existsSync } from 'node:fs';
import { release } from 'node:os';
import type { HostFacts, Plumbing } from '../../doctor/facts.ts';
import { readFirewall } from '../../linux/firewall.ts';
import type { Config } from '../config/config.ts';
import { inspectMachine, missingRequirements } from '../requirements.ts';
import { POD_DEVICES } from '../rules/node-rules.ts';

/** What a daemon goes by if it is not told anything else. */
export const defaultPlumbing: Plumbing = {
  tunDevice: 'weft0',
  podDevices: POD_DEVICES,
  vxlanPort: 4_789,
  gossipPort: 7_948,
  clusterPrefixes: [],
};

/** The same, but for what is known. */
export function plumbingOf(known: Partial<Plumbing>): Plumbing {
  return { ...defaultPlumbing, ...known };
}

/** The same, as a configuration has it. */
export function plumbingIn({ tun, vxlan, gossip, clusterPrefixes }: Config): Plumbing {
  return plumbingOf({ tunDevice: tun.device, vxlanPort: vxlan.port, gossipPort: gossip.port, clusterPrefixes });
}

/** Reads all of it, now. */
export async function readHostFacts(plumbing: Plumbing): Promise<HostFacts> {
  const machine = inspectMachine();
  return {
    missing: missingRequirements(machine),
    kernelRelease: release(),
    hasIpv6: existsSync('/proc/self/net/if_inet6'),
    firewall: await readFirewall(),
    plumbing,
  };
}
