/** The doctor of a node, and of all nodes: facts are read, checks look at them, and what is weft's own can be put right. */
import { titleOf } from '../pods/pod-key.ts';
import type { Diagnosis, DoctorReport } from '../../doctor/finding.ts';
import { examine, reportOf } from '../../doctor/examination.ts';
import type { Facts, PortQuestion } from '../../doctor/facts.ts';
import { ConfigError, NotFoundError, WeftError } from '../../errors.ts';
import type { Audit } from '../audit/audit.ts';
import type { DoctorParts } from './doctor-parts.ts';
import type { DropHandlers } from '../explain/drops.ts';
import { EXAMINATION_QUESTION, examineCluster, FORWARDED_QUESTION, parseForwarded } from './cluster-examination.ts';
import { readFacts } from './doctor-facts.ts';
import { ownAddresses, SELF_QUESTION, type SelfAnswer } from './doctor-peers.ts';
import { Echoes } from '../probes/echoes.ts';
import { RecentCounts, readTotals } from './recent-counts.ts';
import type { RemoteNodes } from '../remote/remote-nodes.ts';
import { SpacedAnswer } from '../doors/spaced-answer.ts';
import { inspectStore } from './store-inspection.ts';
import { parseWitnessRequest, testify, WITNESS_QUESTION } from './witness.ts';

/** How long an examination is good for, in ms. */
const GOOD_FOR_MS = 1_000;

export interface DoctorOptions {
  readonly parts: DoctorParts;
  readonly audit: Pick<Audit, 'inspect' | 'run' | 'repairs'>;
  readonly remote: RemoteNodes;
  readonly drops: DropHandlers;
}

/** What was read, and when (ISO 8601). */
interface TimedFacts {
  readonly facts: Facts;
  readonly time: string;
}

/** Whom to look at. */
export interface DoctorQuery {
  readonly isForAll: boolean;
  readonly question?: PortQuestion;
}

function diagnosisOf({ facts, time }: TimedFacts, question?: PortQuestion): Diagnosis {
  return examine(question === undefined ? facts : { ...facts, question }, time);
}

export class Doctor {
  readonly #options: DoctorOptions;
  readonly #recent: RecentCounts;
  readonly #facts: SpacedAnswer<TimedFacts>;
  readonly #echoes = new Echoes();

  /** Counts, and answers other nodes, from now on. */
  constructor(options: DoctorOptions) {
    this.#options = options;
    const { parts, remote } = options;
    const { dataplane } = parts;
    this.#recent = new RecentCounts({
      read: () => readTotals(parts.status()),
      nowMs: () => performance.now(),
    });
    this.#facts = new SpacedAnswer({
      find: async () => this.#read(),
      goodForMs: GOOD_FOR_MS,
      nowMs: () => performance.now(),
    });
    remote.answer(EXAMINATION_QUESTION, async () => this.examine());
    remote.answer(FORWARDED_QUESTION, async (body) => {
      const node = parseForwarded(body);
      if (node === undefined) throw new ConfigError('node', 'is not text');
      return await remote.ask(node, EXAMINATION_QUESTION, {});
    });
    remote.answer(WITNESS_QUESTION, async (body) => testify(parseWitnessRequest(body), parts, this.#echoes));
    remote.answer(SELF_QUESTION, (_body, { identity }): SelfAnswer => {
      const { vxlan } = parts.config;
      const { received } = dataplane.accountOf(parts.routes.waysTo(identity).direct).ingress;
      return { vxlanPort: vxlan.port, vni: vxlan.vni, seen: received, ...ownAddresses() };
    });
  }

  /** This node. Who asks at one time, or soon after, gets the same answer: a look costs a few processes, and anybody may ask. */
  async examine(question?: PortQuestion): Promise<Diagnosis> {
    return diagnosisOf(await this.#facts.get(), question);
  }

  /** This node, or all of the cluster. Never rejects for a node that does not answer. */
  async report({ isForAll, question }: DoctorQuery): Promise<DoctorReport> {
    if (question !== undefined) this.#refuseUnknown(question);
    if (!isForAll) return reportOf({ nodes: [await this.examine(question)] });
    const { remote, parts } = this.#options;
    return await examineCluster({
      remote,
      self: parts.config.nodeName,
      isKnown: (node) => parts.gossip.members().some(({ announcement }) => announcement.name === node),
      nowMs: () => Date.now(),
    });
  }

  /** Puts right what is weft's own on this node, and says what that helped. */
  async treat(): Promise<DoctorReport> {
    const before = diagnosisOf(await this.#facts.getFresh());
    await this.#options.audit.run('request');
    await this.#options.parts.pods.repairInside();
    await this.#saveState();
    const after = diagnosisOf(await this.#facts.getFresh());
    const left = new Set(after.findings.map(({ id }) => id));
    const fixed = before.findings.map(({ id }) => id).filter((id) => !left.has(id));
    return reportOf({ nodes: [{ ...after, fixed }] });
  }

  close(): void {
    this.#recent.stop();
    this.#echoes.close();
  }

  async #read(): Promise<TimedFacts> {
    const facts = await readFacts({ ...this.#options, recent: this.#recent });
    return { facts, time: new Date().toISOString() };
  }

  /** @throws NotFoundError `pod-unknown` */
  #refuseUnknown({ pod }: PortQuestion): void {
    const { config, pods } = this.#options.parts;
    if (pods.list().some((one) => titleOf(one) === pod)) return;
    throw new NotFoundError('pod-unknown', `${config.nodeName} has no pod ${pod}`, { pod });
  }

  /** Writes those files anew that are not what they should be. One that cannot be written remains a finding. */
  async #saveState(): Promise<void> {
    const { config, pods, identity, incarnations } = this.#options.parts;
    const { stateDir } = config;
    try {
      const podDamage = await pods.storeDamage();
      if (podDamage !== undefined) await pods.saveAll();
      const { damaged } = inspectStore({ stateDir, identity, podDamage: undefined, failing: [] });
      if (damaged.some(({ isRewritable }) => isRewritable)) incarnations.saveAgain();
    } catch (error) {
      if (!(error instanceof WeftError) || error.code !== 'store-failed') throw error;
    }
  }
}
