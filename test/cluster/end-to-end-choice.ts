/**
 * Which of Kubernetes' own tests are run here, and which are left out, and why. Pure.
 *
 * Expressions are Go's, matched against the whole name of a test.
 */

/** What conformance asks of a network. */
const CONFORMANCE = String.raw`\[sig-network\].*\[Conformance\]`;

/** All tests of those who look after networking in Kubernetes. */
const NETWORK = String.raw`\[sig-network\]`;

/** Ten of conformance, one or two of each subject, for a cluster that is made as others are: each path between pods, services and names. */
const TEN = [
  'DNS should provide DNS for the cluster ',
  'DNS should provide DNS for services ',
  String.raw`Networking Granular Checks: Pods should function for intra-pod communication: (http|udp)`,
  String.raw`Networking Granular Checks: Pods should function for node-pod communication: http`,
  'Services should serve a basic endpoint from pods',
  'Services should be able to create a functioning NodePort service',
  'Services should have session affinity work for NodePort service',
  'EndpointSlice should create Endpoints and EndpointSlices for Pods matching a Service',
  'HostPort validates that there is no conflict between pods with same hostPort but different hostIP and protocol',
];

/** Tests of which it is known why they do not pass. */
export interface ExplainedTests {
  /** Of names. The first that matches counts. */
  readonly pattern: string;
  readonly because: string;
}

/** Of {@link NETWORK}, those that are not run: they could not show anything here. */
export const LEFT_OUT: readonly ExplainedTests[] = [
  { pattern: String.raw`\[Feature:LoadBalancer\]`, because: 'they need load balancers of a cloud' },
  { pattern: String.raw`\[Provider:GCE\]`, because: 'they need a certain cloud' },
  { pattern: String.raw`\[Feature:SCTPConnectivity\]`, because: 'the kernel of the machine has no SCTP' },
  {
    pattern: String.raw`\[Feature:Networking-(IPv4|IPv6|DNS)\]`,
    because: 'they ask servers on the Internet, which the cluster does not reach',
  },
  { pattern: String.raw`\[Feature:KubeProxyNFAcct\]`, because: 'they need kube-proxy with iptables; it uses nftables' },
  { pattern: String.raw`\[(Alpha|Feature:OffByDefault)\]`, because: 'they need features that are off by default' },
  { pattern: String.raw`\[Disruptive\]`, because: 'they end parts of the control plane, by SSH or as pods' },
  {
    pattern: String.raw`\[Serial\]`,
    because: 'they change what all of the cluster uses, such as the configuration of its DNS',
  },
];

/** Those that are run, and fail. */
export const FAILING: readonly ExplainedTests[] = [
  {
    pattern: String.raw`\[Feature:Networking-Performance\]`,
    because: 'it reads what iperf 2.2 prints, and Debian 12 has 2.1.8',
  },
  {
    pattern: 'should implement NodePort and HealthCheckNodePort correctly when ExternalTrafficPolicy changes',
    because:
      'a pod on one node has to see the underlay address of another node. What a node sends to pods of others comes from its overlay address',
  },
];

/** What is run. */
export interface EndToEndChoice {
  /** Expression that names match. */
  readonly focus: string;
  /** Expressions that they do not match. */
  readonly skip: readonly string[];
}

/** @param word `conformance`, `ten`, `network`, or an expression of Go. */
export function chooseTests(word: string): EndToEndChoice {
  const skip = LEFT_OUT.map(({ pattern }) => pattern);
  if (word === 'network') return { focus: NETWORK, skip };
  if (word === 'ten') return { focus: String.raw`\[sig-network\] (${TEN.join('|')}).*\[Conformance\]`, skip: [] };
  return { focus: word === 'conformance' ? CONFORMANCE : word, skip: [] };
}
