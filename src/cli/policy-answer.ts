/** What policies answer: one pair of ends, or a table of pods. As `--json` prints it. */
import { WeftError } from '../errors.ts';
import {
  type FlowEnds,
  flowOf,
  isEverything,
  joinedTraffic,
  openTraffic,
  trafficBetween,
  trafficTexts,
  type Traffic,
} from '../policy/open-traffic.ts';
import type { PolicyPod } from '../policy/cluster-facts.ts';
import { causeText, type EdgeVerdict, verdict, type VerdictCause } from '../policy/verdict.ts';
import { printable } from '../terminal/printable.ts';
import { equalIpAddresses, formatIpAddress } from '../wire/address.ts';
import { type AskedTraffic, type End, type AskedCluster, trafficOf } from './policy-question.ts';

/** Answer to whether something may begin. */
export interface PolicyTest {
  /** All that was asked about. */
  readonly allowed: boolean;
  readonly source: TestedEnd;
  readonly destination: TestedEnd;
  /** `tcp 5432`, `icmp`; `all`: everything. */
  readonly asked: string;
  /** What may begin between the two, in the same words; `all`: everything. Empty: nothing. */
  readonly open: readonly string[];
  /** What the two edges below are about: of what was asked about, the first that is denied. */
  readonly judged: string;
  readonly egress: TestedEdge;
  readonly ingress: TestedEdge;
  /** Pods among the two whose labels are not known, if it is denied: nodes deny it until they are, and it may be allowed then. */
  readonly labelsUnknown: readonly string[];
  readonly notes: readonly string[];
}

export interface TestedEnd {
  /** `shop/web`; empty: it is none. */
  readonly pod: string;
  /** Whose address it is; empty: no node's. */
  readonly node: string;
  /** `null`: it has none yet. */
  readonly address: string | null;
}

export interface TestedEdge {
  readonly allowed: boolean;
  readonly kind: VerdictCause['kind'];
  /** The rule, or why there is none. */
  readonly cause: string;
  /** Where rule or policies stand: `policies/db.yaml:14`. */
  readonly places: readonly string[];
  /** What would have denied it, were it not in audit mode. */
  readonly audited: readonly string[];
}

/** Who may talk to whom. */
export interface PolicyMatrix {
  /** As in `PolicyTest`; for a port with a name, that. */
  readonly asked: string;
  readonly pods: readonly string[];
  readonly cells: readonly PolicyCell[];
  /** Pods whose labels are not known: what is denied from and to them may be allowed when they are. */
  readonly labelsUnknown: readonly string[];
  readonly notes: readonly string[];
}

export interface PolicyCell {
  readonly from: string;
  readonly to: string;
  /** All that was asked about. */
  readonly allowed: boolean;
  /** What of that may begin, in the same words. */
  readonly open: readonly string[];
}

export const EVERYTHING = 'all';

/** Judges what may begin between two ends. @throws WeftError `usage` if they have no family of addresses in common, or a port cannot be told */
export function testPolicies(from: End, destination: End, asked: AskedTraffic, cluster: AskedCluster): PolicyTest {
  const source = senderOf(from, cluster);
  const all = endsOf(source, destination);
  if (all.length === 0) {
    const families = [source, destination].map(({ addresses }) => `IPv${addresses[0]!.family}`);
    throw new WeftError(
      'usage',
      `nothing can begin between ${families.join(' and ')}: one end has only one, and the other only the other`,
    );
  }
  const traffic = trafficOf(asked, destination);
  const judged = all.map((ends) => judge(ends, traffic, asked, cluster));
  const worst = judged.find(({ isAllowed }) => !isAllowed) ?? judged[0]!;
  const others = judged.filter(({ isAllowed }) => isAllowed !== worst.isAllowed);
  return {
    allowed: worst.isAllowed,
    source: testedEnd(source, worst.ends.source, cluster),
    destination: testedEnd(destination, worst.ends.destination, cluster),
    asked: traffic === undefined ? (asked.protocol?.toLowerCase() ?? EVERYTHING) : textOf([traffic])[0]!,
    open: textOf(openTraffic(worst.ends, cluster.view)),
    judged: textOf([worst.shown])[0]!,
    egress: testedEdge(worst.verdict.egress, cluster),
    ingress: testedEdge(worst.verdict.ingress, cluster),
    labelsUnknown: worst.isAllowed ? [] : unlabelledAt(worst.ends, cluster),
    notes: [
      ...[source, destination].flatMap(({ remark }) => (remark === '' ? [] : remark)),
      ...others.map(({ ends }) => `over IPv${ends.source.family} it is allowed`),
      ...[source, destination].flatMap((end) => noteOf(end, cluster)),
    ],
  };
}

/** Judges each pair of pods. @param notes on what is not among them */
export function policyMatrix(
  pods: readonly PolicyPod[],
  asked: AskedTraffic,
  cluster: AskedCluster,
  notes: readonly string[],
): PolicyMatrix {
  const ends = pods.map(endOfPod);
  const cells = ends.flatMap((from) =>
    ends.filter((to) => to !== from && hasAskedPort(to, asked)).flatMap((to) => cellOf(from, to, asked, cluster)),
  );
  const port = asked.port === undefined ? '' : ` ${asked.port}`;
  const protocol = asked.protocol?.toLowerCase() ?? (typeof asked.port === 'number' ? 'tcp' : '');
  return {
    asked: `${protocol}${port}`.trim() || EVERYTHING,
    pods: pods.map(({ key }) => key),
    cells,
    labelsUnknown: pods.filter(({ labels }) => labels === undefined).map(({ key }) => key),
    notes,
  };
}

function endOfPod({ key, addresses, ports, hasMorePorts }: PolicyPod): End {
  return { pod: key, node: '', addresses, ports, hasMorePorts, remark: '' };
}

/** Only a port with a name is one that a pod may lack. */
function hasAskedPort({ ports }: End, { protocol, port }: AskedTraffic): boolean {
  return (
    typeof port !== 'string' || ports.some((one) => one.name === port && one.protocol === (protocol ?? one.protocol))
  );
}

/** None where there is no family of addresses that both have. */
function cellOf(from: End, to: End, asked: AskedTraffic, cluster: AskedCluster): readonly PolicyCell[] {
  const traffic = trafficOf(asked, to);
  const judged = endsOf(from, to).map((ends) => judge(ends, traffic, asked, cluster));
  const worst = judged.find(({ isAllowed }) => !isAllowed) ?? judged[0];
  if (worst === undefined) return [];
  return [{ from: from.pod, to: to.pod, allowed: worst.isAllowed, open: textOf(worst.open) }];
}

interface Judged {
  readonly ends: FlowEnds;
  readonly isAllowed: boolean;
  readonly shown: Traffic;
  readonly verdict: ReturnType<typeof verdict>;
  /** Of what was asked about. */
  readonly open: readonly Traffic[];
}

/** @param traffic `undefined`: all of the protocol that is asked about, or everything */
function judge(ends: FlowEnds, traffic: Traffic | undefined, asked: AskedTraffic, { view }: AskedCluster): Judged {
  const parts = traffic === undefined ? trafficBetween(ends, view).filter((part) => isAsked(part, asked)) : [traffic];
  const verdicts = parts.map((part) => ({ part, verdict: verdict(flowOf(ends, part), view) }));
  const shown = verdicts.find((one) => !one.verdict.isAllowed) ?? verdicts[0]!;
  return {
    ends,
    isAllowed: shown.verdict.isAllowed,
    shown: shown.part,
    verdict: shown.verdict,
    open: joinedTraffic(verdicts.filter((one) => one.verdict.isAllowed).map(({ part }) => part)),
  };
}

function isAsked(part: Traffic, { protocol }: AskedTraffic): boolean {
  return protocol === undefined || (part === 'others' ? 'ICMP' : part.protocol) === protocol;
}

/** What a pod with the network of its node sends to pods of others has an address of the node in the overlay, if it is known. */
function senderOf(end: End, { pods, view }: AskedCluster): End {
  const found = pods.pods.find(({ key }) => key === end.pod);
  if (found?.hostNetwork !== true) return end;
  const nodes = end.addresses.flatMap((address) => view.nodesAt(address)).filter(({ name }) => name === found.nodeName);
  return { ...end, addresses: [...nodes.flatMap(({ overlayAddresses }) => overlayAddresses), ...end.addresses] };
}

/** The first addresses of each family that both have. */
function endsOf(source: End, destination: End): readonly FlowEnds[] {
  return ([4, 6] as const).flatMap((family) => {
    const [from, to] = [source, destination].map((end) => end.addresses.find((one) => one.family === family));
    return from === undefined || to === undefined ? [] : { source: from, destination: to };
  });
}

/** Pods at the ends whose labels are not known. */
function unlabelledAt({ source, destination }: FlowEnds, { view }: AskedCluster): readonly string[] {
  return [source, destination]
    .flatMap((address) => view.podsAt(address))
    .filter(({ labels }) => labels === undefined)
    .map(({ key }) => key);
}

function textOf(traffic: readonly Traffic[]): readonly string[] {
  return isEverything(traffic) ? [EVERYTHING] : trafficTexts(traffic);
}

function testedEnd({ pod, node }: End, address: FlowEnds['source'], { pods }: AskedCluster): TestedEnd {
  return { pod, node, address: pods.withoutAddress.has(pod) ? null : formatIpAddress(address) };
}

function testedEdge({ isAllowed, cause, audited }: EdgeVerdict, { policies }: AskedCluster): TestedEdge {
  return {
    allowed: isAllowed,
    kind: cause.kind,
    cause: printable(causeText(cause)),
    places: placesOf(cause, policies.placeOf),
    audited: audited.map((one) => printable(causeText(one))),
  };
}

function placesOf(cause: VerdictCause, placeOf: AskedCluster['policies']['placeOf']): readonly string[] {
  if (cause.kind === 'isolated')
    return cause.policies.map((title) => placeOf(title, 'metadata')).filter((place) => place !== '');
  if (cause.kind !== 'rule') return [];
  const place = placeOf(cause.policy, `spec.${cause.rule.slice(cause.policy.length + 1)}`);
  return place === '' ? [] : [place];
}

function noteOf({ pod, node, addresses }: End, { pods }: AskedCluster): readonly string[] {
  if (pods.withoutAddress.has(pod))
    return [`${pod} has no address yet: of ipBlocks, only one of the whole world means it`];
  const found = pods.pods.find(({ key }) => key === pod);
  if (found?.hostNetwork === true) return [`${pod} has the network of its node: policies take it for the node`];
  const isKnown =
    pod !== '' ||
    node !== '' ||
    pods.pods.some((one) => one.addresses.some((address) => equalIpAddresses(address, addresses[0]!)));
  return isKnown ? [] : [`no pod and no node has ${formatIpAddress(addresses[0]!)}: it is taken for somebody outside`];
}
