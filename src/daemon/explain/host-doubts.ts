/**
 * The kernel of this node in an explanation: its firewalls and parameters take packets where the dataplane does not see it, between
 * a pod and the TUN device, or before the VXLAN socket. What is said of them is what the doctor says.
 */
import { foreignRules } from '../../doctor/checks/foreign-rules.ts';
import { forwardPolicy } from '../../doctor/checks/forward-policy.ts';
import { parameterFindings } from '../../doctor/checks/kernel-parameters.ts';
import type { HostFacts } from '../../doctor/facts.ts';
import type { Finding } from '../../doctor/finding.ts';
import { WeftError } from '../../errors.ts';
import type { ExplainedStep, Stage } from '../../explain/explanation.ts';
import { sysctlFinding } from '../audit/host-findings.ts';
import type { WrongSysctl } from '../node-sysctls.ts';

export interface HostDoubtsOptions {
  readonly nodeName: string;
  /** What the doctor reads of this machine; it costs a few processes. */
  readonly readHost: () => Promise<HostFacts>;
  /** Kernel parameters that weft needs, and that have another value. */
  readonly wrongSysctls: () => readonly WrongSysctl[];
}

/** Key of a step's details that names the finding of the doctor. */
const FINDING = 'finding';

/** What a finding is about, where it is not about all packets. */
interface Reach {
  readonly family?: 4 | 6;
  /** Packets from and to pods: to and from the node itself nothing is forwarded. */
  readonly isForwarding?: boolean;
  /** Packets that come in. */
  readonly isArrival?: boolean;
}

const reaches: Readonly<Record<string, Reach>> = {
  'forward-policy-drop': { isForwarding: true },
  'ip-forward-off': { family: 4, isForwarding: true },
  'ipv6-forwarding-off': { family: 6, isForwarding: true },
  'rp-filter-strict': { family: 4, isArrival: true },
  'node-ipv6-disabled': { family: 6 },
};

export class HostDoubts {
  readonly #options: HostDoubtsOptions;
  #look: Promise<readonly Finding[]> | undefined;

  constructor(options: HostDoubtsOptions) {
    this.#options = options;
  }

  /**
   * The part of this node with what its kernel may do about it: after the pod that sends, or before the one that gets it.
   *
   * @param family of the packet.
   */
  async addTo<Told extends Stage>(stage: Told, family: 4 | 6): Promise<Told> {
    const findings = await this.#findings();
    const hasPod = stage.steps.some(({ details }) => details['pod'] !== undefined);
    const [first, ...rest] = stage.steps;
    const isDeparture = first?.hook === 'from-pod';
    const doubts = findings
      .filter(({ id }) => {
        const { family: only = family, isForwarding = false, isArrival = false } = reaches[id] ?? {};
        return only === family && (hasPod || !isForwarding) && !(isDeparture && isArrival);
      })
      .map(doubtOf(stage));
    if (first === undefined || doubts.length === 0) return stage;
    const steps = isDeparture ? [first, ...doubts, ...rest] : [...stage.steps, ...doubts];
    return { ...stage, steps };
  }

  /** Several who ask at one time get the same answer. */
  async #findings(): Promise<readonly Finding[]> {
    this.#look ??= this.#examine().finally(() => {
      this.#look = undefined;
    });
    return await this.#look;
  }

  async #examine(): Promise<readonly Finding[]> {
    const { wrongSysctls } = this.#options;
    const differences = wrongSysctls().map((wrong) => ({ table: 'host', ...sysctlFinding(wrong) }));
    return [...(await this.#firewallFindings()), ...parameterFindings(differences, [])].filter(
      // Errors about packets that are too big, and not the packets.
      ({ id }) => id !== 'accept-local-off',
    );
  }

  async #firewallFindings(): Promise<readonly Finding[]> {
    const { nodeName, readHost } = this.#options;
    try {
      const facts = { node: nodeName, host: await readHost(), daemon: { absence: 'not asked' } };
      return [forwardPolicy, foreignRules].flatMap((check) => check.look(facts));
    } catch (error) {
      // Who cannot look at the firewall still knows what weft does. That it cannot, the doctor says.
      if (error instanceof WeftError) return [];
      throw error;
    }
  }
}

/** What is to be said above all else about such doubts; empty: nothing. */
export function hostRemark({ node, steps }: Pick<Stage, 'node' | 'steps'>): string {
  const isDoubtful = steps.some(({ details }) => details[FINDING] !== undefined);
  return isDoubtful ? `the kernel of ${node} may drop it where weft does not see that: ask weft doctor there` : '';
}

function doubtOf({ steps }: Stage): (finding: Finding) => ExplainedStep {
  const hook = steps[0]?.hook === 'from-pod' ? 'from-pod' : (steps.at(-1)?.hook ?? '');
  return ({ id, title, evidence }) => {
    const text = `${title}: ${evidence.join('; ')}`;
    return { hook, verdict: 'doubt', text, details: { [FINDING]: id } };
  };
}
