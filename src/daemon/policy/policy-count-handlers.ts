/** What all nodes counted of policies, for who asks: each node tells its own, and they are put together here. */
import * as v from 'valibot';
import type {
  NodeDenials,
  PolicyCount,
  PolicyCounts,
  PolicyDenialsReport,
  PolicyRuleCounts,
  RuleCount,
} from '../../api/policy-api.ts';
import type { SilentNode } from '../../api/silent-node.ts';
import { ConfigError } from '../../errors.ts';
import type { RemoteNodes, RemoteOutcome } from '../remote/remote-nodes.ts';
import { parseToldOutcomes, type ToldShape } from '../remote/told-answer.ts';
import type { PolicyDenials } from './policy-denials.ts';
import { countsByPolicy, countsByRule, sumOfPolicies, sumOfRules } from './policy-tally.ts';
import type { PolicyUses } from './policy-uses.ts';

/** What the control server asks of it. Nodes that do not answer are told. */
export interface PolicyCountHandlers {
  policyCounts(): Promise<PolicyCounts>;
  /** @param policy its title */
  policyRules(policy: string): Promise<PolicyRuleCounts>;
  policyDenials(): Promise<PolicyDenialsReport>;
}

export interface PolicyCountParts {
  readonly nodeName: string;
  readonly policy: OwnPolicyCounts;
  /** Of the wall clock, in ms, when the monotonic one was 0: that of the machine may have been set since then. */
  readonly startedMs: () => number;
}

/** What a node counts of policies. */
export interface OwnPolicyCounts {
  readonly uses: Pick<PolicyUses, 'current'>;
  readonly denials: Pick<PolicyDenials, 'byRule'>;
}

/** Questions between nodes. */
const QUESTION = { counts: 'policy-counts', rules: 'policy-rules', denials: 'policy-denials' } as const;

const TELLING = 'tells of its policies';

/** Longest title: two names of Kubernetes, and a slash. */
const MAX_TITLE_LENGTH = 507;

const title = v.pipe(v.string(), v.minLength(1), v.maxLength(MAX_TITLE_LENGTH));
const ruleQuestion = v.object({ policy: title });

const count = v.pipe(v.number(), v.integer(), v.minValue(0));
const time = v.union([v.literal(''), v.pipe(v.string(), v.isoTimestamp())]);

const policyCount = v.object({ policy: v.string(), allowed: count, denied: count, audited: count, last: time });

const ruleCount = v.object({
  rule: v.string(),
  place: v.string(),
  direction: v.picklist(['ingress', 'egress']),
  effect: v.picklist(['allowed', 'passed', 'denied', 'audited']),
  count,
  since: time,
  last: time,
});

const denial = v.object({ rule: v.string(), direction: v.picklist(['ingress', 'egress', '']), packets: count });

const nodeDenials = v.object({ since: time, policies: v.array(denial) });

/** Answers other nodes from here on. */
export function composePolicyCounts(
  { nodeName, policy: own, startedMs }: PolicyCountParts,
  remote: RemoteNodes,
): PolicyCountHandlers {
  // Of the monotonic clock, in ms; `undefined`: the start.
  const timeText = (ms = 0): string => new Date(startedMs() + ms).toISOString();
  remote.answer(QUESTION.counts, () => countsByPolicy(own.uses.current(), timeText));
  remote.answer(QUESTION.rules, (body) => {
    const { policy } = parseRuleQuestion(body);
    return countsByRule(own.uses.current(), policy, nodeName, timeText);
  });
  remote.answer(QUESTION.denials, () => ({ since: timeText(undefined), policies: own.denials.byRule() }));
  return {
    policyCounts: async () => {
      const { told, missing } = await ask<readonly PolicyCount[]>(remote, QUESTION.counts, {}, v.array(policyCount));
      return { policies: sumOfPolicies(told.flatMap(({ answer }) => answer)), missing };
    },
    policyRules: async (policy) => {
      const { told, missing } = await ask(remote, QUESTION.rules, { policy }, v.array(ruleCount));
      const rules = told.flatMap(({ node, answer }) => answer.map((rule): RuleCount => ({ ...rule, nodes: [node] })));
      return { rules: sumOfRules(rules), missing };
    },
    policyDenials: async () => {
      const { told, missing } = await ask(remote, QUESTION.denials, {}, nodeDenials);
      return { nodes: told.map(({ node, answer }): NodeDenials => ({ node, ...answer })), missing };
    },
  };
}

/** Query of `GET /v1/policies/rules`. @throws ConfigError */
export function parsePolicyTitle(query: URLSearchParams): string {
  const result = v.safeParse(title, query.get('policy'));
  if (!result.success) throw new ConfigError('policy', 'is no name of a policy, such as shop/web');
  return result.output;
}

function parseRuleQuestion(body: unknown): v.InferOutput<typeof ruleQuestion> {
  const result = v.safeParse(ruleQuestion, body);
  if (!result.success) throw new ConfigError('policy', 'is no name of a policy');
  return result.output;
}

interface Told<Answer> {
  readonly told: readonly { readonly node: string; readonly answer: Answer }[];
  readonly missing: readonly SilentNode[];
}

async function ask<Answer>(
  remote: RemoteNodes,
  question: string,
  body: object,
  shape: ToldShape<Answer>,
): Promise<Told<Answer>> {
  const outcomes: RemoteOutcome<Answer>[] = parseToldOutcomes(shape, await remote.askAll(question, body), TELLING);
  return {
    told: outcomes.flatMap((outcome) => ('error' in outcome ? [] : outcome)),
    missing: outcomes.flatMap((outcome) => ('error' in outcome ? { node: outcome.node, ...outcome.error } : [])),
  };
}
