/** A small cluster that policies are tried on: two nodes, namespaces `shop` and `bank`, and a few pods in them. */
import { parse } from 'yaml';
import type { ClusterFacts, PolicyPod } from '../../src/policy/cluster-facts.ts';
import type { Policy } from '../../src/policy/policy.ts';
import { readPolicy } from '../../src/policy/read-policy.ts';
import type { Flow } from '../../src/policy/verdict.ts';
import { type IpAddress, parseIpAddress } from '../../src/wire/address.ts';

/** `web` and `db` of shop, `web` on node 1; `atm` of bank; and an agent with the network of node 1. */
export const pods = {
  web: policyPod('shop/web', { app: 'web' }, '10.244.1.2', 'node1', [{ name: 'http', protocol: 'TCP', port: 80 }]),
  db: policyPod('shop/db', { app: 'db' }, '10.244.2.2', 'node2', [{ name: 'sql', protocol: 'TCP', port: 5432 }]),
  atm: policyPod('bank/atm', { app: 'atm' }, '10.244.2.3', 'node2', []),
  agent: { ...policyPod('shop/agent', { app: 'web' }, '192.168.0.1', 'node1', []), hostNetwork: true },
};

export const facts: ClusterFacts = {
  pods: Object.values(pods),
  namespaces: [
    { name: 'shop', labels: { team: 'sales' } },
    { name: 'bank', labels: { team: 'money' } },
  ],
  nodes: [1, 2].map((number) => ({
    name: `node${number}`,
    labels: { rack: String(number) },
    underlayAddresses: [address(`192.168.0.${number}`)],
    overlayAddresses: [address(`10.244.${number}.1`)],
  })),
};

/** A NetworkPolicy `shop/NAME`. */
export function networkPolicy(name: string, spec: string, annotations: object = {}): Policy {
  const metadata = { name, namespace: 'shop', annotations };
  return read({ apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', metadata, spec: parse(spec) as unknown });
}

/** A ClusterNetworkPolicy for all pods. */
export function clusterPolicy(name: string, rules: string, annotations: object = {}): Policy {
  return read({
    apiVersion: 'policy.networking.k8s.io/v1beta1',
    kind: 'ClusterNetworkPolicy',
    metadata: { name, annotations },
    spec: { tier: 'Admin', priority: 1, subject: { namespaces: {} }, ...(parse(rules) as object) },
  });
}

/** `10.244.1.2 -> 10.244.2.2 TCP 80`, or `… ICMP`. */
export function flow(text: string): Flow {
  const [source, , destination, protocol, port] = text.split(' ');
  return {
    source: address(source!),
    destination: address(destination!),
    protocol: protocol === 'ICMP' ? undefined : (protocol as 'TCP'),
    port: port === undefined ? undefined : Number(port),
  };
}

export function address(text: string): IpAddress {
  const parsed = parseIpAddress(text);
  if (parsed === undefined) throw new Error(`${text} is no address`);
  return parsed;
}

function policyPod(
  title: string,
  labels: Readonly<Record<string, string>>,
  at: string,
  nodeName: string,
  ports: PolicyPod['ports'],
): PolicyPod {
  const [namespace, name] = title.split('/');
  return {
    key: title,
    namespace: namespace!,
    name: name!,
    labels,
    addresses: [address(at)],
    nodeName,
    hostNetwork: false,
    ports,
    hasMorePorts: false,
  };
}

function read(object: object): Policy {
  const reading = readPolicy(object);
  if (reading.policy === undefined) throw new Error(reading.problems.join('\n'));
  return reading.policy;
}
