/**
 * Pods of other nodes, from the directory: as those nodes announce them, with the addresses that they may have. An address that is routed to
 * another node is not the pod's, whatever its node says: who could claim addresses of others could pass for them.
 */
import { parsePod } from '../../directory/pod-codec.ts';
import { hashPod, PodSet } from '../../directory/pod-set.ts';
import { bytesToHex } from '../../membership/identity.ts';
import type { PolicyPod } from '../../policy/cluster-facts.ts';
import type { IpAddress } from '../../wire/address.ts';
import type { ToldValues } from './told-values.ts';

export interface RemotePodsOptions {
  /** Pods that a node announced; `undefined`: none are known. */
  readonly setOf: (identity: string) => PodSet | undefined;
  /** Whether a node may say that a pod of it has this address. */
  readonly mayHave: (identity: string, address: IpAddress) => boolean;
  /** Name of a node, as that of its Node. */
  readonly nodeNameOf: (identity: string) => string;
  readonly told: Pick<ToldValues<PolicyPod>, 'put'>;
}

/** Of a node: what it announced last, and its pods with all addresses that it claims for them, by their bytes as text. */
interface Claims {
  readonly set: PodSet;
  readonly pods: ReadonlyMap<string, PolicyPod>;
}

export class RemotePods {
  readonly #options: RemotePodsOptions;
  readonly #claims = new Map<string, Claims>();

  constructor(options: RemotePodsOptions) {
    this.#options = options;
  }

  /** The pods of this node may be others. Only those that were not there before are read. */
  update(identity: string): void {
    const { setOf, told } = this.#options;
    const before = this.#claims.get(identity);
    const set = setOf(identity) ?? PodSet.empty;
    if (set === (before?.set ?? PodSet.empty)) return;
    const pods = new Map<string, PolicyPod>();
    const come: PolicyPod[] = [];
    for (const encoded of set.encoded()) {
      const text = Buffer.from(encoded).toString('latin1');
      let pod = before?.pods.get(text);
      if (pod === undefined) come.push((pod = this.#claimOf(identity, encoded)));
      pods.set(text, pod);
    }
    if (set.size === 0) this.#claims.delete(identity);
    else this.#claims.set(identity, { set, pods });
    const keys = new Set([...pods.values()].map(({ key }) => key));
    for (const { key } of before?.pods.values() ?? []) if (!keys.has(key)) told.put(key, undefined);
    for (const pod of come) told.put(pod.key, this.#believed(identity, pod));
  }

  /** The node is called otherwise, or has other prefixes. */
  reconsider(identity: string): void {
    const { told, nodeNameOf } = this.#options;
    const claims = this.#claims.get(identity);
    if (claims === undefined) return;
    const nodeName = nodeNameOf(identity);
    const pods = new Map([...claims.pods].map(([text, pod]) => [text, { ...pod, nodeName }]));
    this.#claims.set(identity, { ...claims, pods });
    for (const pod of pods.values()) told.put(pod.key, this.#believed(identity, pod));
  }

  /** Some addresses are routed otherwise: pods that claim any of these are looked at again. */
  reroute(isRouted: (address: IpAddress) => boolean): void {
    for (const [identity, { pods }] of this.#claims) {
      for (const pod of pods.values())
        if (pod.addresses.some(isRouted)) this.#options.told.put(pod.key, this.#believed(identity, pod));
    }
  }

  #claimOf(identity: string, encoded: Uint8Array): PolicyPod {
    const { namespace, name, labels, hasMoreLabels, addresses, ports, hasMorePorts, isSuperseded } = parsePod(encoded)!;
    return {
      // Pods that lost their name to a newer one have the same, as many as there are.
      key: `${identity}/${namespace}/${name}${isSuperseded ? `/${bytesToHex(hashPod(encoded))}` : ''}`,
      namespace,
      name,
      labels: hasMoreLabels ? undefined : labels,
      addresses,
      nodeName: this.#options.nodeNameOf(identity),
      hostNetwork: false,
      ports,
      hasMorePorts,
    };
  }

  #believed(identity: string, pod: PolicyPod): PolicyPod {
    return { ...pod, addresses: pod.addresses.filter((address) => this.#options.mayHave(identity, address)) };
  }
}
