/** Pods as the doctor sees them from the inside. */
import type { PodInsideFacts } from '../../doctor/facts.ts';
import { WeftError } from '../../errors.ts';
import type { Ruleset } from '../../firewall/ruleset.ts';
import { readRuleset } from '../../linux/ruleset.ts';
import type { PodLook } from '../pods/pod-looks.ts';
import type { Pods } from '../pods/pods.ts';

/** Firewalls that are read: each takes several programs. */
const MAX_FIREWALLS = 8;

const NO_RULES: Ruleset = { chains: [] };

/** Looks into them now. Never rejects for a pod that nobody gets into. */
export async function inspectPods(pods: Pick<Pods, 'lookInside'>): Promise<PodInsideFacts[]> {
  const looks = await pods.lookInside();
  const filtered = looks.filter(({ interior }) => interior?.hasFirewall === true).slice(0, MAX_FIREWALLS);
  const firewalls = new Map(
    await Promise.all(filtered.map(async ({ cable }) => [cable.key, await firewallOf(cable.netns)] as const)),
  );
  return looks.map((look) => factsOf(look, firewalls.get(look.cable.key) ?? NO_RULES));
}

function factsOf({ cable, interior, problem, faults }: PodLook, firewall: Ruleset): PodInsideFacts {
  const { pod, device, netns, addresses } = cable;
  const ignores = { 4: 'ipv4/icmp_echo_ignore_all', 6: 'ipv6/icmp/echo_ignore_all' } as const;
  const families = ([4, 6] as const).filter((family) => addresses.some((address) => address.family === family));
  return {
    name: pod,
    netns,
    addresses,
    device,
    problem,
    faults,
    ignoresPings: families.filter((family) => interior?.parameters[ignores[family]] === '1'),
    firewall,
    listening: interior?.listening ?? [],
  };
}

/** Rules that cannot be read accuse nobody here: `pod-firewall` is a note. */
async function firewallOf(netns: string): Promise<Ruleset> {
  try {
    return await readRuleset(netns);
  } catch (error) {
    if (error instanceof WeftError) return NO_RULES;
    throw error;
  }
}
