/** What kind is told of a cluster. Pure. */
import { stringify } from 'yaml';

/** Pods of the cluster: kind's own default, which the overlay `deploy/kubernetes/overlays/kind` has, too. */
const POD_RANGES = ['10.244.0.0/16', 'fd00:10:244::/56'];
const SERVICE_RANGES = ['10.96.0.0/16', 'fd00:10:96::/112'];

/** Versions of what kubeadm starts from images, where these are not those of a registry. */
export interface LocalImages {
  readonly etcd: string;
  readonly coredns: string;
}

/**
 * A configuration for `kind create cluster`: both families, no network of kind's own.
 *
 * @param hasProxy whether kube-proxy has the services
 * @param images that the nodes have already, all of them from `localhost`; `undefined`: those that kubeadm names.
 */
export function kindConfiguration(
  { name, nodes, hasProxy }: { readonly name: string; readonly nodes: number; readonly hasProxy: boolean },
  images: LocalImages | undefined,
): string {
  const workers = Array.from({ length: nodes - 1 }, () => ({ role: 'worker' }));
  return stringify({
    kind: 'Cluster',
    apiVersion: 'kind.x-k8s.io/v1alpha4',
    name,
    networking: {
      disableDefaultCNI: true,
      ipFamily: 'dual',
      kubeProxyMode: hasProxy ? 'nftables' : 'none',
      podSubnet: POD_RANGES.join(','),
      serviceSubnet: SERVICE_RANGES.join(','),
    },
    nodes: [{ role: 'control-plane' }, ...workers],
    ...(images !== undefined && { kubeadmConfigPatches: [localRepository(images)] }),
  });
}

function localRepository({ etcd, coredns }: LocalImages): string {
  return stringify({
    kind: 'ClusterConfiguration',
    imageRepository: 'localhost',
    etcd: { local: { imageTag: etcd } },
    dns: { imageTag: coredns },
  });
}
