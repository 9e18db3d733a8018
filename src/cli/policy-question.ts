/** What somebody asks about policies, of files or of a running cluster: who, whom, and for which packets. */
import { nearestName } from '../api/nearest-name.ts';
import type { PolicyReport } from '../api/policy-api.ts';
import { madeBy, parsePodWords, type PodWords, titled } from '../daemon/places/pod-words.ts';
import { podTitle } from '../directory/pod-name.ts';
import { formatWorkload } from '../directory/workload.ts';
import { WeftError } from '../errors.ts';
import type { NamedPort, PolicyNamespace, PolicyPod } from '../policy/cluster-facts.ts';
import { ClusterView } from '../policy/cluster-view.ts';
import { KnownCluster } from '../policy/known-cluster.ts';
import type { Traffic } from '../policy/open-traffic.ts';
import { NAMESPACE_NAME_LABEL } from '../policy/pod-selection.ts';
import type { Policy, PolicyProtocol } from '../policy/policy.ts';
import { type IpAddress, parseIpAddress } from '../wire/address.ts';
import { runningCluster } from './policy-cluster.ts';
import { type FileRemark, type PolicyFiles, readPolicyFiles, remarkLine } from './policy-files.ts';
import { type PodFile, readPodFile } from './policy-pods.ts';

/** Options that say where policies and pods are: without any, in the running cluster. */
export interface PolicyFilesOptions {
  readonly files?: readonly string[];
  readonly pods?: string;
}

/** Policies and pods, of files or of a running cluster. */
export interface AskedCluster {
  readonly policies: Pick<PolicyFiles, 'policies' | 'placeOf'>;
  readonly pods: AskedPods;
  readonly view: ClusterView;
  /** The same pods and namespaces, found by what policies ask about. */
  readonly known: KnownCluster;
  /** Why the answer may not be what a cluster would say: rules that are not understood, and labels that the files do not tell. */
  readonly warnings: readonly FileRemark[];
}

export interface AskedPods extends Pick<PodFile, 'pods' | 'withoutAddress' | 'ended'> {
  /** Where they are: `in the file of pods`. For messages. */
  readonly where: string;
}

/** `port`: a number, or what containers of the destination call it. Without a protocol: everything, or the one that the port has. */
export interface AskedTraffic {
  readonly protocol?: PolicyProtocol | 'ICMP';
  readonly port?: number | string;
}

/** One end of a flow. */
export interface End {
  /** `shop/web`; empty: no pod of the file has the address. */
  readonly pod: string;
  /** That has the address; empty: none of the file has it, or a pod does. */
  readonly node: string;
  readonly addresses: readonly IpAddress[];
  readonly ports: readonly NamedPort[];
  /** It may have others with names. */
  readonly hasMorePorts: boolean;
  /** Which pod of a workload was taken; else empty. */
  readonly remark: string;
}

/**
 * Reads policies and pods. Whichever is in no file is asked of the daemon.
 *
 * @throws WeftError `usage` if anything cannot be read: no answer would be right; and what asking throws
 */
export async function readCluster(
  { files, pods }: PolicyFilesOptions,
  ask: () => Promise<PolicyReport>,
): Promise<AskedCluster> {
  if (files === undefined) {
    if (pods !== undefined) throw new WeftError('usage', '--pods: give the policies, too, with --files');
    return clusterOf(await ask(), undefined);
  }
  if (pods !== undefined) return readFileCluster({ files, pods });
  const policies = readablePolicies(files);
  return clusterOf(await ask(), policies);
}

/** Of files alone. @throws WeftError `usage` if anything cannot be read */
export function readFileCluster({ files, pods }: Required<PolicyFilesOptions>): AskedCluster {
  return fileCluster(readablePolicies(files), pods);
}

/** Policies of a running cluster, or of files instead, and its pods. */
export function clusterOf(report: PolicyReport, files: PolicyFiles | undefined): AskedCluster {
  const { pods, nodes, ...running } = runningCluster(report);
  const given = files?.namespaces ?? [];
  const namespaces = [
    ...running.namespaces.filter(({ name }) => !given.some((other) => other.name === name)),
    ...given,
  ];
  const policies = files ?? { policies: running.policies, placeOf: () => '' };
  const instead = `policies are those of files, and pods those of the running cluster, as ${report.node} knows them`;
  return {
    policies,
    pods: { pods, withoutAddress: new Set(), ended: 0, where: `known to ${report.node}` },
    view: new ClusterView(policies.policies, { pods, namespaces, nodes }),
    known: knownOf(pods, namespaces),
    warnings: [
      ...(files?.remarks ?? running.remarks).filter(({ severity }) => severity === 'warning' || files === undefined),
      ...running.notices,
      ...(files === undefined ? [] : [{ severity: 'warning', place: '', policy: '', text: instead } as const]),
    ],
  };
}

/** @throws WeftError `usage` if any of them cannot be read */
function readablePolicies(files: readonly string[]): PolicyFiles {
  const policies = readPolicyFiles(files);
  const errors = policies.remarks.filter(({ severity }) => severity === 'error');
  if (errors.length > 0) throw new WeftError('usage', errors.map(remarkLine).join('\n'));
  return policies;
}

/** Of policies that are read already. @throws WeftError `usage` if pods cannot be read */
export function fileCluster(policies: PolicyFiles, podFile: string): AskedCluster {
  const pods = readPodFile(podFile);
  const namespaces = [...pods.namespaces, ...policies.namespaces];
  const unknown = unknownNamespaces(policies.policies, pods.pods, namespaces);
  const labels = `labels of ${unknown.join(', ')} are not known, by which policies select: give the Namespaces with the policies or with the pods`;
  return {
    policies,
    pods: { ...pods, where: 'in the file of pods' },
    known: knownOf(pods.pods, namespaces),
    view: new ClusterView(policies.policies, { pods: pods.pods, namespaces, nodes: pods.nodes }),
    warnings: [
      ...policies.remarks.filter(({ severity }) => severity === 'warning'),
      ...(unknown.length === 0 ? [] : [{ severity: 'warning', place: podFile, policy: '', text: labels } as const]),
    ],
  };
}

function knownOf(pods: readonly PolicyPod[], namespaces: readonly PolicyNamespace[]): KnownCluster {
  const known = new KnownCluster();
  for (const namespace of namespaces) known.setNamespace(namespace);
  for (const pod of pods) if (!pod.hostNetwork) known.setPod(pod);
  return known;
}

/** Namespaces of pods that nobody described, if policies ask about more of them than their names. */
function unknownNamespaces(
  policies: readonly Policy[],
  pods: readonly PolicyPod[],
  known: readonly PolicyNamespace[],
): readonly string[] {
  const selectors = policies.flatMap(({ subject, ingress, egress }) => [
    subject,
    ...[...ingress, ...egress].flatMap(({ peer }) => (peer.kind === 'pods' ? peer.pods : [])),
  ]);
  const isAsked = selectors.some(
    ({ namespaces }) => typeof namespaces !== 'string' && namespaces.some(({ key }) => key !== NAMESPACE_NAME_LABEL),
  );
  const names = new Set(pods.map(({ namespace }) => namespace));
  return isAsked ? [...names].filter((name) => !known.some((one) => one.name === name)) : [];
}

/** Who is meant. @throws WeftError `usage`, with what was probably meant */
export function endOf(text: string, { view, pods: { pods, where } }: AskedCluster): End {
  const address = parseIpAddress(text);
  if (address !== undefined) {
    const holder = view.podsAt(address)[0];
    const node = holder === undefined ? (view.nodesAt(address)[0]?.name ?? '') : '';
    const { key = '', ports = [], hasMorePorts = false } = holder ?? {};
    return { pod: key, node, addresses: [address], ports, hasMorePorts, remark: '' };
  }
  const { there, words } = wordsOf(text, pods);
  const named = there.map((pod) => {
    const { namespace, name, nodeName, labels } = pod;
    return { node: nodeName, name: podTitle(namespace, name), addresses: [], labels: labels ?? {}, pod };
  });
  const byName = titled(named, words);
  if (byName.length > 1) throw severalPods(text, byName);
  const found = [...byName, ...madeBy(named, words)].map(({ pod }) => pod);
  const [pod] = found;
  if (pod === undefined) throw unknownPod(text, pods, where);
  if (pod.addresses.length === 0)
    throw new WeftError(
      'usage',
      `pod ${pod.key} has ${pod.hostNetwork ? 'the network of its node, and no address yet' : 'no address that is known'}`,
    );
  const isOfWorkload = words.workload !== undefined && byName.length === 0 && found.length > 1;
  const remark = isOfWorkload ? `${pod.key} stands for ${found.length} pods of ${formatWorkload(words.workload)}` : '';
  const { key, addresses, ports, hasMorePorts } = pod;
  return { pod: key, node: '', addresses, ports, hasMorePorts, remark };
}

/** `n1/web` and `n1/shop/web` are pods of node n1: a namespace that is called like a node is meant by NODE/NAMESPACE/POD. */
function wordsOf(text: string, pods: readonly PolicyPod[]): { there: readonly PolicyPod[]; words: PodWords } {
  const slash = text.indexOf('/');
  const ofNode = slash === -1 ? [] : pods.filter(({ nodeName }) => nodeName === text.slice(0, slash));
  return ofNode.length === 0
    ? { there: pods, words: parsePodWords(text) }
    : { there: ofNode, words: parsePodWords(text.slice(slash + 1)) };
}

function severalPods(text: string, pods: readonly { readonly node: string; readonly name: string }[]): WeftError {
  const candidates = pods.map(({ node, name }) => `${node}/${name}`).join(', ');
  return new WeftError('usage', `there are several pods ${text}: say which of ${candidates}`);
}

function unknownPod(text: string, pods: readonly PolicyPod[], where: string): WeftError {
  const names = pods.flatMap(({ key, namespace, name }) => [key, podTitle(namespace, name)]);
  const near = nearestName(text, names) ?? pods.find(({ name }) => name === text)?.key;
  const hint =
    near === undefined
      ? 'it is written NAMESPACE/POD, NODE/POD, deploy/NAME or as an address'
      : `did you mean ${near}?`;
  return new WeftError('usage', `no pod ${text} is ${where}: ${hint}`);
}

/** The packets that are asked about, to this destination; `undefined`: all. @throws WeftError `usage` */
export function trafficOf({ protocol, port }: AskedTraffic, destination: End): Traffic | undefined {
  if (port === undefined) return protocol === 'ICMP' ? 'others' : undefined;
  if (protocol === 'ICMP')
    throw new WeftError('usage', '--dport: icmp has no ports: leave it out, or give --proto tcp');
  if (typeof port === 'number') return { protocol: protocol ?? 'TCP', first: port, last: port };
  const who = destination.pod === '' ? 'the destination, which is no pod,' : destination.pod;
  const found = destination.ports.filter((one) => one.name === port && one.protocol === (protocol ?? one.protocol));
  const [one, another] = found;
  if (one === undefined) {
    const known = destination.ports.map(({ name }) => name).join(', ');
    const only = known === '' ? '' : `, only ${known}`;
    const problem = destination.hasMorePorts
      ? `not all ports of ${who} are known: give the number`
      : `${who} has no port ${port}${only}`;
    throw new WeftError('usage', `--dport: ${problem}`);
  }
  if (another !== undefined && another.protocol !== one.protocol)
    throw new WeftError('usage', `--dport: ${who} has a port ${port} of several protocols: say which by --proto`);
  return { protocol: one.protocol, first: one.port, last: one.port };
}
