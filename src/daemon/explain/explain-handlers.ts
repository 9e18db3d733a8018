/** Whatever explains what becomes of packets, put together. */
import type { Explanation } from '../../explain/explanation.ts';
import type { FlowReport } from '../../explain/flow-report.ts';
import { nodeAddressIn } from '../../ipam/pool.ts';
import { lookUpPassage } from '../../linux/passage-lookup.ts';
import { readRuleset } from '../../linux/ruleset.ts';
import type { ExplainRequest } from './explain-request.ts';
import type { Fault } from '../../api/fault-api.ts';
import { ExplainedEnds } from './explained-ends.ts';
import { Explainer } from './explainer.ts';
import { type FlowRequest, Flows } from './flows.ts';
import { KernelExplainer } from './kernel-explainer.ts';
import { LocalExplainer, type LocalExplainerParts } from './local-explainer.ts';
import { PastMoments } from './past-moments.ts';
import { type TitleAt, titlesOnce } from '../places/pod-titles.ts';
import type { Places } from '../places/places.ts';
import type { RecordedPackets } from './recorded-packets.ts';
import type { RemoteNodes } from '../remote/remote-nodes.ts';

/** What the control server asks of it. */
export interface ExplainHandlers {
  /** @throws ConfigError; WeftError `place-unknown`, `place-ambiguous`, and as `RemoteNodes.ask` */
  explain(request: ExplainRequest): Promise<Explanation>;
  /** @throws as `RemoteNodes.ask`, if it is about one node */
  flows(request: FlowRequest): Promise<readonly FlowReport[]>;
}

/** Puts it together. */
export function composeExplanations(
  parts: LocalExplainerParts,
  remote: RemoteNodes,
  places: Places,
  recorded: RecordedPackets,
  faults: () => readonly Fault[],
): { readonly handlers: ExplainHandlers } {
  const { config, events, routes } = parts;
  const { nodeName } = config;
  const past = new PastMoments({ events, recorded, routes, remote });
  const titles = (): TitleAt => titlesOnce(parts.index, (identity) => parts.gossip.member(identity)?.announcement.name);
  const flows = new Flows({ nodeName, recorded, routes, remote, titles });
  const explainer = new Explainer({
    nodeName,
    local: new LocalExplainer(parts, faults),
    kernel: new KernelExplainer({
      nodeName,
      tunDevice: config.tun.device,
      vxlanPort: config.vxlan.port,
      clusterPrefixes: config.clusterPrefixes,
      nodePrefixes: config.nodePrefixes,
      nodeAddresses: config.nodePrefixes.map(nodeAddressIn),
      pods: () => parts.pods.list(),
      underlay: parts.underlay,
      policyPlan: parts.policyPlan,
      knownFrontends: parts.knownFrontends,
      nodeAt: parts.policyNodeAt,
      lookUp: lookUpPassage,
      readRuleset,
    }),
    remote,
    ends: new ExplainedEnds(places, () => parts.gossip.members()),
    past: past.around.bind(past),
  });
  return {
    handlers: {
      explain: async (request) => explainer.explain(request),
      flows: async (request) => flows.report(request),
    },
  };
}
