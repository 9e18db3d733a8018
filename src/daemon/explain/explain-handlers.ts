/** Whatever explains what becomes of packets, put together. */
import type { Explanation } from '../../explain/explanation.ts';
import type { FlowReport } from '../../explain/flow-report.ts';
import { nodeAddressIn } from '../../ipam/pool.ts';
import { lookUpPassage } from '../../linux/passage-lookup.ts';
import type { DiagnosisParts } from '../diagnosis.ts';
import type { ExplainRequest } from './explain-request.ts';
import type { Fault } from '../faults/fault-api.ts';
import { ExplainedEnds } from './explained-ends.ts';
import { Explainer } from './explainer.ts';
import { plumbingIn, readHostFacts } from '../doctor/doctor-host.ts';
import { type FlowRequest, Flows } from './flows.ts';
import { HostDoubts } from './host-doubts.ts';
import { KernelExplainer } from './kernel-explainer.ts';
import { LocalExplainer } from './local-explainer.ts';
import { PastMoments } from './past-moments.ts';
import type { Places } from '../probes/places.ts';
import type { RecordedPackets } from './recorded-packets.ts';
import { wrongNodeSysctls } from '../node-sysctls.ts';
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
  parts: DiagnosisParts,
  remote: RemoteNodes,
  places: Places,
  recorded: RecordedPackets,
  faults: () => readonly Fault[],
): { readonly handlers: ExplainHandlers } {
  const { config, events, routes } = parts;
  const { nodeName } = config;
  const families = [...new Set(config.nodePrefixes.map(({ address }) => address.family))];
  const past = new PastMoments({ events, recorded, routes, remote });
  const flows = new Flows({ nodeName, recorded, routes, remote });
  const explainer = new Explainer({
    nodeName,
    local: new LocalExplainer(parts, faults),
    kernel: new KernelExplainer({
      nodeName,
      tunDevice: config.tun.device,
      clusterPrefixes: config.clusterPrefixes,
      nodePrefixes: config.nodePrefixes,
      nodeAddresses: config.nodePrefixes.map(nodeAddressIn),
      pods: () => parts.pods.list(),
      underlay: parts.underlay,
      lookUp: lookUpPassage,
    }),
    remote,
    ends: new ExplainedEnds(places, () => parts.gossip.members()),
    host: new HostDoubts({
      nodeName,
      readHost: async () => readHostFacts(plumbingIn(config)),
      wrongSysctls: () => wrongNodeSysctls({ tunDevice: config.tun.device, families }),
    }),
    past: past.around.bind(past),
  });
  return {
    handlers: {
      explain: async (request) => explainer.explain(request),
      flows: async (request) => flows.report(request),
    },
  };
}
