/** Network policies, put together: from what is known of pods, nodes and policies to what the kernel of this node enforces. */
import type { Notice } from '../api/control-api.ts';
import type { PodDirectory } from '../directory/pod-directory.ts';
import type { NodeAddress } from '../explain/policy-words.ts';
import type { OverlayRoutes } from '../forwarding/overlay-routes.ts';
import type { ApiPod } from '../kubernetes/api-object.ts';
import type { ResourceName } from '../kubernetes/watched-resource.ts';
import { realtimeNs } from '../linux/clock.ts';
import { readCounters } from '../linux/nft-netlink.ts';
import type { NftWitness } from '../linux/nft-owned-tables.ts';
import { POLICY_TABLE } from '../linux/nftables.ts';
import type { Member } from '../membership/announcement.ts';
import type { PolicyNode } from '../policy/cluster-facts.ts';
import { NodePlanner } from '../policy/node-planner.ts';
import { equalIpAddresses, type IpAddress } from '../wire/address.ts';
import type { Composition } from './composition.ts';
import type { ApiMirror } from './kubernetes/api-mirror.ts';
import type { Kubernetes } from './kubernetes/kubernetes.ts';
import { keyOf } from './pods/pod-key.ts';
import type { Pods } from './pods/pods.ts';
import type { ComposedRulebook } from './compose-rulebook.ts';
import type { PolicyFactsListener } from './policy-facts/facts-listener.ts';
import { PolicyFacts, type PolicyFactsOptions } from './policy-facts/policy-facts.ts';
import { DenierNames } from './policy/denier-names.ts';
import { MasqueradedDenials } from './policy/masqueraded-denials.ts';
import { NodePolicies } from './policy/node-policies.ts';
import { hasPolicies, PodEdges, type PodEdgesOptions } from './policy/pod-edges.ts';
import { PolicyCounters } from './policy/policy-counters.ts';
import { PolicyDenials } from './policy/policy-denials.ts';
import { PolicyEnforcement } from './policy/policy-enforcement.ts';
import { PolicyLog } from './policy/policy-log.ts';
import { oddPolicyNotices, roomNotices } from './policy/policy-notices.ts';
import { type PolicySurvey, surveyPolicies } from './policy/policy-survey.ts';
import { PolicyUses } from './policy/policy-uses.ts';
import { ToldChanges } from './policy/told-changes.ts';
import { ToldCuts } from './policy/told-cuts.ts';
import { ToldDenials } from './policy/told-denials.ts';
import { systemClock } from './process/system-environment.ts';
import type { StateDirectory } from './state/state-directory.ts';
import type { ThisNode } from './this-node.ts';

export interface PolicyParts {
  readonly node: Pick<ThisNode, 'identity'>;
  readonly state: StateDirectory;
  readonly pods: Pick<Pods, 'leased'>;
  readonly directory: Pick<PodDirectory, 'setOf'>;
  /** As in `ComposedDirectory`. */
  readonly mayHave: (identity: string, address: IpAddress) => boolean;
  /** All that are known now, this node included. */
  readonly members: () => readonly Member[];
  /** Whether this node has heard of others, if there are said to be any, and of the pods of all that it has heard of: of some, maybe, not yet. */
  readonly isSettled: () => boolean;
  readonly routes: Pick<OverlayRoutes, 'inUse'>;
  /** Knows what others changed in nftables. */
  readonly witness: NftWitness;
  /** Who is told of pods, too, and when all of a change was told. */
  readonly podFollower: PodFollower | undefined;
}

export interface PodFollower extends Pick<PolicyFactsListener, 'setPod' | 'removePod'> {
  update(): void;
}

/** Where policies come from. */
export interface PolicySource {
  /** Of the Node object of this node; without Kubernetes, of the node. */
  readonly nodeName: string;
  /** Whether it is known which policies there are. */
  readonly isKnown: () => boolean;
  /** As in `NodePoliciesOptions`. */
  readonly isForbidden: () => boolean;
  readonly isAway: () => boolean;
  readonly facts: Pick<PolicyFactsOptions, 'kubernetes' | 'given'>;
  /** As in `PodEdgesOptions`. */
  readonly awaitPod: PodEdgesOptions['awaitPod'];
  readonly isPodKnown: PodEdgesOptions['isKnown'];
  /** Has the facts told of objects that are others. */
  readonly follow: (follow: PolicyFacts['objectsChanged']) => void;
  /** Whether a pod of this node answers names at the address that pods ask. */
  readonly answersOwnNames: () => boolean;
  readonly notices: () => readonly Notice[];
}

/** The API: whatever it says counts, and as long as it does not say all, nothing is known. */
export function policiesOfKubernetes(api: ApiMirror, kubernetes: Kubernetes, nodeName: string): PolicySource {
  return {
    nodeName,
    isKnown: () => planned.every((resource) => api.isKnown(resource)),
    // Only that. Whatever else keeps policies from being heard of may pass at any moment: they may close what would be open until then.
    isForbidden: () => api.isForbidden('policy'),
    isAway: () => api.reachability('policy').problem !== '',
    facts: { kubernetes: { api, pod: (name) => kubernetes.pod(name) } },
    awaitPod: (pod) => kubernetes.awaitPod(pod),
    isPodKnown: (pod) => kubernetes.pod(pod) !== undefined,
    follow: (follow) =>
      api.follow((resource, keys) => {
        // No policy says anything of services.
        if (resource !== 'services' && resource !== 'endpointslices') follow(resource, keys);
      }),
    answersOwnNames: () => [...api.pods.values()].some(answersNodeNames),
    notices: () => [],
  };
}

/** The rulebook. Labels of pods are known as soon as pods are. */
export function policiesOfRulebook(rulebook: ComposedRulebook, nodeName: string): PolicySource {
  return {
    nodeName,
    isKnown: () => rulebook.isKnown(),
    isForbidden: () => false,
    isAway: () => false,
    facts: { given: rulebook.objects },
    awaitPod: async () => ({}),
    isPodKnown: () => true,
    follow: (follow) =>
      rulebook.follow((resource, keys) => {
        // No policy says anything of services.
        if (resource !== 'services') follow(resource, keys);
      }),
    answersOwnNames: () => false,
    notices: () => rulebook.notices(),
  };
}

export interface ComposedPolicy {
  /** To be told of everything that packets are judged by, but for what the API tells. */
  readonly facts: PolicyFacts;
  readonly policies: NodePolicies;
  readonly enforcement: PolicyEnforcement;
  readonly edges: PodEdges;
  readonly denials: PolicyDenials;
  readonly log: PolicyLog;
  /** A node that has an address, as policies see it; `undefined`: none has. */
  nodeAt(address: IpAddress): NodeAddress | undefined;
  readonly uses: PolicyUses;
  /** Whether it is known which policies there are. */
  isKnown(): boolean;
  /** Resolves when the kernel does what was told until now, or it is known why it does not. */
  followed(): Promise<readonly Notice[]>;
  /** What the doctor is told of policies. */
  survey(): Promise<PolicySurvey>;
  notices(): readonly Notice[];
}

const notBegun: Notice = {
  code: 'policies-unknown',
  message: 'this node does not enforce it yet: it waits for other nodes to tell their policies and pods, up to 30 s',
};

/** Why nothing can be said of policies. */
const UNKNOWN_POLICIES = 'it is not known yet which policies there are';
const UNKNOWN_PODS = 'not all pods of other nodes are known yet';

/** Without all of these, a plan would leave out what policies say. */
const planned: readonly ResourceName[] = ['pods', 'namespaces', 'networkpolicies', 'clusternetworkpolicies'];

/** Begins to enforce as soon as all policies are known. To be called before anybody can have a pod made. */
export function composePolicy(
  { events, logger, opened }: Composition,
  source: PolicySource,
  { node, state, pods, directory, mayHave, members, isSettled, routes, witness, podFollower }: PolicyParts,
): ComposedPolicy {
  const { nodeName, isKnown, isForbidden, isAway, awaitPod, isPodKnown } = source;
  const isSparing = source.facts.kubernetes === undefined;
  const cuts = new ToldCuts(events, systemClock);
  const changes = new ToldChanges(events, systemClock);
  const enforcement: PolicyEnforcement = new PolicyEnforcement({
    witness,
    isSparing,
    onCut: (counts) => cuts.add(counts),
    onPlanned: (isolations) => names.add(isolations),
  });
  const plan = () => enforcement.plan;
  const names = new DenierNames({ store: state.file('policy-names.json'), plan, clock: systemClock, logger });
  opened.defer(() => names.close());
  const planner = new NodePlanner(nodeName);
  const policies = new NodePolicies({
    planner,
    enforcement,
    isKnown,
    isForbidden,
    isAway,
    // Pods of other nodes are of no concern where no policy is.
    isSettled: () => isSettled() || (isSparing && !facts.hasPolicies),
    onRules: () => counters.look(),
    clock: systemClock,
    logger,
  });
  opened.defer(() => policies.stop());
  const policed = () => pods.leased().filter(({ record }) => hasPolicies(record));
  const counters = new PolicyCounters({
    plan,
    before: readCounters(POLICY_TABLE),
    readCounters: () => readCounters(POLICY_TABLE),
    nowMs: () => performance.now(),
  });
  const [denials, uses] = [new PolicyDenials(counters), new PolicyUses(counters)];
  opened.defer(uses.start(systemClock));
  const facts = new PolicyFacts({
    own: { identity: node.identity, name: nodeName },
    pods: policed,
    setOf: (identity) => directory.setOf(identity),
    mayHave,
    ...source.facts,
    listener: podFollower === undefined ? planner : alsoTelling(podFollower, planner),
    // What is there at first is no change.
    onPolicy: (change) => {
      if (policies.isBegun) changes.add(change);
    },
    onTold: () => {
      policies.update();
      podFollower?.update();
    },
  });
  const log = new PolicyLog({ denierOf: (tag) => names.of(tag), clock: systemClock, logger, realtimeNs });
  opened.defer(() => log.stop());
  const masqueraded = new MasqueradedDenials({
    nodes: () => planner.cluster.nodes(),
    plan,
    policy: (title) => planner.policy(title),
    nowMs: () => performance.now(),
  });
  log.follow((packets) => masqueraded.hear(packets));
  const toldDenials = new ToldDenials(events, systemClock);
  log.follow((packets) => toldDenials.hear(packets));
  const edges = new PodEdges({
    awaitPod,
    isKnown: isPodKnown,
    facts,
    policies,
    planner,
    events,
  });
  // Before the first plan: there are no rules for a pod whose device is not known.
  for (const { record } of policed()) policies.adopt(keyOf(record), record.hostDevice);
  facts.begin(members(), routes.inUse);
  source.follow((resource, keys) => facts.objectsChanged(resource, keys));
  policies.start();
  return {
    facts,
    policies,
    enforcement,
    edges,
    denials,
    log,
    nodeAt: (address) => nodeAddressAmong(planner.cluster.nodes(), address),
    uses,
    isKnown,
    followed: async () => {
      await policies.followed();
      // Of what is denied from now on, nothing goes on either.
      await enforcement.settled();
      return policies.isBegun ? [...enforcement.notices(), ...policies.notices()] : [notBegun];
    },
    survey: async () =>
      surveyPolicies({
        planner,
        nodeName,
        ignorance: () => {
          if (!isKnown()) return UNKNOWN_POLICIES;
          return isSettled() || !facts.hasPolicies ? '' : UNKNOWN_PODS;
        },
        masqueraded: () => masqueraded.recent(),
        answersOwnNames: source.answersOwnNames,
        nowMs: () => performance.now(),
      }),
    notices: () => [
      ...enforcement.notices(),
      ...log.notices(),
      ...policies.notices(),
      ...roomNotices(enforcement.plan),
      ...oddPolicyNotices(facts.oddPolicies()),
      ...source.notices(),
    ],
  };
}

/** Tells the planner all, and the follower of pods. */
function alsoTelling(follower: PodFollower, planner: NodePlanner): PolicyFactsListener {
  return {
    setPod: (pod) => {
      planner.setPod(pod);
      follower.setPod(pod);
    },
    removePod: (key) => {
      planner.removePod(key);
      follower.removePod(key);
    },
    setNamespace: (namespace) => planner.setNamespace(namespace),
    removeNamespace: (name) => planner.removeNamespace(name),
    setNode: (node) => planner.setNode(node),
    removeNode: (name) => planner.removeNode(name),
    setPolicy: (policy) => planner.setPolicy(policy),
    removePolicy: (title) => planner.removePolicy(title),
  };
}

function nodeAddressAmong(nodes: Iterable<PolicyNode>, address: IpAddress): NodeAddress | undefined {
  for (const { name, overlayAddresses, underlayAddresses } of nodes) {
    if (overlayAddresses.some((own) => equalIpAddresses(own, address))) return { node: name, network: 'overlay' };
    if (underlayAddresses.some((own) => equalIpAddresses(own, address))) return { node: name, network: 'underlay' };
  }
  return undefined;
}

/** Whether a pod is the NodeLocal DNSCache of this node: it has the address that pods ask (k8s.io/kubernetes, addons/dns/nodelocaldns). */
function answersNodeNames({ hostNetwork, labels }: ApiPod): boolean {
  return hostNetwork && labels['k8s-app'] === 'node-local-dns';
}
