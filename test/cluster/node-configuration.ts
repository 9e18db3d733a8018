/** Configurations of what runs on a node: containerd, kubelet, kube-proxy. Pure. */
import { stringify } from 'yaml';

/** Image that holds the namespaces of a pod. */
export const PAUSE_IMAGE = 'localhost/pause:1';

/** Pods of the cluster, by family. */
export const POD_RANGES = ['10.244.0.0/16', 'fd00:10:244::/48'] as const;

/** The service of cluster DNS. */
export const DNS_SERVICE_ADDRESS = '10.96.0.10';

/** Of containerd 1.6, in a node that has neither CAP_SYS_RESOURCE nor, perhaps, hugetlb. */
export function containerdConfiguration(): string {
  const cri = 'plugins."io.containerd.grpc.v1.cri"';
  return `version = 2
root = "/var/lib/containerd"
state = "/run/containerd"
oom_score = 0
disabled_plugins = ["io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.devmapper"]
[grpc]
  address = "/run/containerd/containerd.sock"
[${cri}]
  sandbox_image = "${PAUSE_IMAGE}"
  restrict_oom_score_adj = true
  disable_apparmor = true
  disable_hugetlb_controller = true
  tolerate_missing_hugetlb_controller = true
[${cri}.cni]
  bin_dir = "/opt/cni/bin"
  conf_dir = "/etc/cni/net.d"
[${cri}.containerd]
  snapshotter = "overlayfs"
[${cri}.containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
[${cri}.containerd.runtimes.runc.options]
  SystemdCgroup = false
[plugins."io.containerd.internal.v1.opt"]
  path = "/var/lib/containerd/opt"
`;
}

/** Where the kubelet looks for pods of its own, which no API knows. */
export const STATIC_PODS = '/etc/kubernetes/manifests';

/** @param cgroup in which all pods of the node are. @param settings others. */
export function kubeletConfiguration(authority: string, cgroup: string, settings: object): string {
  return stringify({
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    authentication: { anonymous: { enabled: false }, webhook: { enabled: true }, x509: { clientCAFile: authority } },
    authorization: { mode: 'Webhook' },
    cgroupDriver: 'cgroupfs',
    cgroupRoot: `/${cgroup}`,
    cgroupsPerQOS: true,
    enforceNodeAllocatable: ['pods'],
    failCgroupV1: false,
    failSwapOn: false,
    // Without CAP_SYS_RESOURCE it could not make itself less likely to be killed for want of memory.
    oomScoreAdj: 0,
    clusterDNS: [DNS_SERVICE_ADDRESS],
    clusterDomain: 'cluster.local',
    containerRuntimeEndpoint: 'unix:///run/containerd/containerd.sock',
    // The disk is the machine's: what fills it is not the node's to remove.
    imageGCHighThresholdPercent: 100,
    imageGCLowThresholdPercent: 99,
    evictionHard: {
      'memory.available': '50Mi',
      'nodefs.available': '0%',
      'nodefs.inodesFree': '0%',
      'imagefs.available': '0%',
    },
    volumePluginDir: '/var/lib/kubelet/volume-plugins',
    staticPodPath: STATIC_PODS,
    ...settings,
  });
}

export function proxyConfiguration(node: string, kubeconfig: string): string {
  return stringify({
    apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
    kind: 'KubeProxyConfiguration',
    mode: 'nftables',
    clusterCIDR: POD_RANGES.join(','),
    hostnameOverride: node,
    clientConnection: { kubeconfig },
    // Of the whole machine, so it leaves them alone. Time-outs are those of the node's namespace, and as usual.
    conntrack: { maxPerCore: 0, min: 0 },
    nftables: { minSyncPeriod: '0s' },
    oomScoreAdj: 0,
  });
}
