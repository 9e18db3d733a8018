/**
 * Firewalls of this node in an explanation: they take packets where the dataplane does not see it, between a pod and the TUN device,
 * or before the VXLAN socket. What is said of them is what the doctor says.
 */
import { foreignRules } from '../../doctor/checks/foreign-rules.ts';
import { forwardPolicy } from '../../doctor/checks/forward-policy.ts';
import type { HostFacts } from '../../doctor/facts.ts';
import type { Finding } from '../../doctor/finding.ts';
import { WeftError } from '../../errors.ts';
import type { ExplainedStep, Stage } from '../../explain/explanation.ts';

/** Key of a step's details that names the finding of the doctor. */
const FINDING = 'finding';

export class FirewallDoubts {
  readonly #node: string;
  readonly #read: () => Promise<HostFacts>;
  #look: Promise<readonly Finding[]> | undefined;

  /** @param read what the doctor reads of this machine; it costs a few processes. */
  constructor(node: string, read: () => Promise<HostFacts>) {
    this.#node = node;
    this.#read = read;
  }

  /** The part of this node with what its firewalls may do about it: after the pod that sends, or before the one that gets it. */
  async addTo<Told extends Stage>(stage: Told): Promise<Told> {
    const findings = await this.#findings();
    const hasPod = stage.steps.some(({ details }) => details['pod'] !== undefined);
    const [first, ...rest] = stage.steps;
    // To and from the node itself nothing is forwarded.
    const doubts = findings.filter(({ id }) => hasPod || id !== 'forward-policy-drop').map(doubtOf(stage));
    if (first === undefined || doubts.length === 0) return stage;
    const steps = first.hook === 'from-pod' ? [first, ...doubts, ...rest] : [...stage.steps, ...doubts];
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
    try {
      const facts = { node: this.#node, host: await this.#read(), daemon: { absence: 'not asked' } };
      return [forwardPolicy, foreignRules].flatMap((check) => check.look(facts));
    } catch (error) {
      // Who cannot look at the firewall still knows what weft does. That it cannot, the doctor says.
      if (error instanceof WeftError) return [];
      throw error;
    }
  }
}

/** What is to be said above all else about such doubts; empty: nothing. */
export function firewallRemark({ node, steps }: Pick<Stage, 'node' | 'steps'>): string {
  const isDoubtful = steps.some(({ details }) => details[FINDING] !== undefined);
  return isDoubtful ? `a firewall of ${node} may drop it where weft does not see that: ask weft doctor there` : '';
}

function doubtOf({ steps }: Stage): (finding: Finding) => ExplainedStep {
  const hook = steps[0]?.hook === 'from-pod' ? 'from-pod' : (steps.at(-1)?.hook ?? '');
  return ({ id, title, evidence }) => {
    const text = `${title}: ${evidence.join('; ')}`;
    return { hook, verdict: 'doubt', text, details: { [FINDING]: id } };
  };
}
