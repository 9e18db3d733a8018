/**
 * Which of Kubernetes' own tests are run here, and which are left out, and why. Pure.
 *
 * Expressions are Go's, matched against the whole name of a test.
 */

/** What conformance asks of a network. */
const CONFORMANCE = String.raw`\[sig-network\].*\[Conformance\]`;

/** All tests of those who look after networking in Kubernetes. */
const NETWORK = String.raw`\[sig-network\]`;

/** Tests that cannot show anything here. */
export interface LeftOut {
  /** Of names. The first that matches counts. */
  readonly pattern: string;
  /** What they would need, as the end of a sentence. */
  readonly because: string;
}

/** Of {@link NETWORK}. */
export const LEFT_OUT: readonly LeftOut[] = [
  {
    pattern: String.raw`Netpol (NetworkPolicy between|\[LinuxOnly\]|\[Feature:)`,
    because: 'weft does not have network policies yet',
  },
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

/** What is run. */
export interface EndToEndChoice {
  /** Expression that names match. */
  readonly focus: string;
  /** Expressions that they do not match. */
  readonly skip: readonly string[];
}

/** @param word `conformance`, `network`, or an expression of Go. */
export function chooseTests(word: string): EndToEndChoice {
  const skip = LEFT_OUT.map(({ pattern }) => pattern);
  if (word === 'network') return { focus: NETWORK, skip };
  return { focus: word === 'conformance' ? CONFORMANCE : word, skip: [] };
}
