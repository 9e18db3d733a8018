/** All nodes look at themselves, and what they find is brought together; those that nobody can ask are asked about. */
import { bringTogether } from '../../doctor/cluster-findings.ts';
import { causesOf } from '../../doctor/catalogue.ts';
import { reportOf } from '../../doctor/examination.ts';
import type { Diagnosis, DoctorReport, Finding, SharedFinding, UnexaminedNode } from '../../doctor/finding.ts';
import { lostNodeFinding } from '../../doctor/lost-node.ts';
import { WeftError } from '../../errors.ts';
import type { RemoteNodes, RemoteOutcome } from '../remote/remote-nodes.ts';
import { parseToldDiagnoses } from '../remote/told-diagnosis.ts';
import { parseToldTestimonies } from '../remote/told-testimony.ts';
import { WITNESS_QUESTION } from './witness.ts';

/** Question to another node: what its own doctor finds. */
export const EXAMINATION_QUESTION = 'doctor';

/** Question to another node: what the doctor of a third one finds, which the caller cannot ask. */
export const FORWARDED_QUESTION = 'doctor-of';

/** How many others try to ask a node that this one cannot ask. */
const HELPERS = 2;

/** Most nodes that are missed and asked about, and how many are asked about each. */
const MAX_LOST = 8;
const MAX_WITNESSES = 16;

export interface ClusterExaminationOptions {
  readonly remote: Pick<RemoteNodes, 'ask' | 'askAll'>;
  /** Name of this node. */
  readonly self: string;
  /** Whether this node knows a member of that name: what others tell of anybody else is not followed. */
  readonly isKnown: (node: string) => boolean;
  readonly nowMs: () => number;
}

/** Never rejects for a node that does not answer. Takes up to three times as long as a node that does not answer is waited for. */
export async function examineCluster(options: ClusterExaminationOptions): Promise<DoctorReport> {
  const { remote } = options;
  const { nodes, unexamined } = parseToldDiagnoses(await remote.askAll(EXAMINATION_QUESTION, {}));
  const silent = unexamined
    .filter(({ code }) => code === 'remote-unreachable')
    .map(({ node }) => node)
    .slice(0, MAX_LOST);
  const [others, testified] = await Promise.all([
    Promise.all(silent.map(async (node) => examineThroughOthers(node, nodes, options))),
    findLost(nodes, silent, unexamined, options),
  ]);
  const examined = [...nodes, ...others.flat()].sort((a, b) => (a.node < b.node ? -1 : 1));
  const names = new Set(examined.map(({ node }) => node));
  const lost = testified.filter(({ nodes: [node] }) => !names.has(node!));
  return reportOf({
    ...bringTogether(examined, lost),
    unexamined: unexamined.filter(({ node }) => !names.has(node)),
  });
}

/** Whoever is no better off has said so: then another one tries. */
async function examineThroughOthers(
  node: string,
  nodes: readonly Diagnosis[],
  { remote, self }: ClusterExaminationOptions,
): Promise<readonly Diagnosis[]> {
  const helpers = nodes
    .filter((one) => one.node !== self && !one.findings.some((finding) => isCutOff(finding, node)))
    .slice(0, HELPERS);
  const asked = helpers.map(async (helper) => {
    const answer = await remote.ask<unknown>(helper.node, FORWARDED_QUESTION, { node });
    const told = parseToldDiagnoses([{ node, answer }], helper.node).nodes;
    if (told.length === 0) throw new WeftError('remote-unsupported', `node ${helper.node} tells nothing of it`);
    return told;
  });
  try {
    return await Promise.any(asked);
  } catch {
    // That it could not be asked is said anyway.
    return [];
  }
}

function isCutOff({ id, about }: Finding, node: string): boolean {
  return (id === 'path-cut' || id === 'node-dead') && about.some((other) => other.node === node);
}

/** What is known of nodes that are dead, or do not answer. */
async function findLost(
  nodes: readonly Diagnosis[],
  silent: readonly string[],
  unexamined: readonly UnexaminedNode[],
  options: ClusterExaminationOptions,
): Promise<SharedFinding[]> {
  const answering = new Set(nodes.map(({ node }) => node));
  const dead = new Set(
    nodes
      .flatMap(({ findings }) => findings)
      .filter(({ id }) => id === 'node-dead')
      .flatMap(({ about }) => about.map(({ node }) => node))
      .filter((node) => !answering.has(node) && options.isKnown(node)),
  );
  const missed = [...new Set([...dead, ...(isAtFaultHere(nodes) ? [] : silent)])].sort();
  // Whoever has lost all others is rather cut off himself, which his own doctor says.
  if (nodes.length < 2 && missed.length > 1) return [];
  const witnesses = [...answering].slice(0, MAX_WITNESSES);
  const found = await Promise.all(
    missed.slice(0, MAX_LOST).map(async (node) => {
      // Of whoever did not answer, nobody knows what it heard.
      const others = answering.size + unexamined.filter((one) => one.node !== node).length;
      return askAbout(node, witnesses, others, options);
    }),
  );
  return found.flat();
}

async function askAbout(
  node: string,
  witnesses: readonly string[],
  others: number,
  { remote, nowMs }: ClusterExaminationOptions,
): Promise<SharedFinding[]> {
  const outcomes = await Promise.all(
    witnesses.map(async (witness): Promise<RemoteOutcome<unknown>> => {
      try {
        return { node: witness, answer: await remote.ask<unknown>(witness, WITNESS_QUESTION, { node }) };
      } catch (error) {
        if (!(error instanceof WeftError)) throw error;
        return { node: witness, error: { code: error.code, message: error.message } };
      }
    }),
  );
  const told = parseToldTestimonies(outcomes);
  if (told.every(({ state }) => state === 'unknown')) return [];
  return [lostNodeFinding({ node, told, isComplete: told.length === others, nowMs: nowMs() })];
}

/** Whether each node that answered has something wrong with itself that cuts it off: then nothing is known of others. */
function isAtFaultHere(nodes: readonly Diagnosis[]): boolean {
  const causes = causesOf('path-cut');
  return nodes.every(({ findings }) => findings.some(({ id }) => causes.includes(id)));
}

/** Of `doctor-of`: who is to be asked. `undefined`: that is not said. */
export function parseForwarded(body: unknown): string | undefined {
  const node = typeof body === 'object' && body !== null && 'node' in body ? body.node : undefined;
  return typeof node === 'string' ? node : undefined;
}
