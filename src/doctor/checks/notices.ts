/** What `weft status` has to say beyond what the other checks look at. */
import { byHand, type DaemonCheck, type FindingKinds, found } from '../check.ts';
import type { Fix } from '../finding.ts';

const finds: FindingKinds = {
  'faults-injected': {
    severity: 'warning',
    title: 'faults are injected on this node: packets are lost, late or damaged on purpose',
    cause: 'somebody tries something out with weft fault',
  },
  'gossip-not-authenticated': {
    severity: 'warning',
    title: 'gossip is open to everybody who reaches this node',
    cause: 'gossip.authentication is off',
  },
  'key-file-invalid': {
    severity: 'warning',
    title: 'the key file was changed, and cannot be read any more: the keys from before stay in use',
    cause: 'a line of it is no key',
  },
  'keys-not-saved': {
    severity: 'error',
    title: 'changes of keys cannot be stored: after a restart this node would use old ones',
    cause: 'the state directory cannot be written',
    follows: ['store-unwritable'],
  },
  'too-many-routes': {
    severity: 'error',
    title: 'there are more routes than weft can hold: some pods cannot be reached',
    cause: 'nodes announce very many prefixes',
  },
  'rulebook-full': {
    severity: 'error',
    title: 'some policies or services of the cluster are not enforced on this node: there is no room for them',
    cause: 'several nodes were given policies at the same time, more than there may be',
  },
  'rulebook-entry-invalid': {
    severity: 'error',
    title: 'some policies or services of the cluster are not enforced on this node: it cannot read them',
    cause: 'they were given at a node of another version',
  },
  'masquerade-unavailable': {
    severity: 'error',
    title: 'pods cannot reach the world outside of the cluster',
    cause: 'the kernel has no nftables with NAT, or weft may not use it',
  },
  'node-rules-unavailable': {
    severity: 'error',
    title: 'pods of this node can pass for the node, as what they send to the ports of nodes is not refused',
    cause: 'the kernel lacks a part of nftables, or weft may not use it',
  },
  'source-check-unavailable': {
    severity: 'error',
    title: 'pods of this node can send from any address, also from those of others',
    cause: 'the kernel has no nftables with sets, or weft may not use it',
  },
  'source-check-without-arp': {
    severity: 'warning',
    title: 'pods of this node can fill its table of neighbours',
    cause: 'nftables of the kernel knows no ARP',
  },
  'host-network-broken': {
    severity: 'error',
    title: "weft cannot put this node's network right",
    cause: 'a command failed, as the evidence says',
    follows: ['resources-short'],
  },
  'captures-unavailable': {
    severity: 'warning',
    title: 'nothing can be captured on this node',
    cause: 'the socket of captures could not be opened',
  },
  'connections-kept': {
    severity: 'warning',
    title: 'connections of pods that are removed stay in the kernel, for whoever gets their addresses next',
    cause: 'the kernel module nf_conntrack_netlink is not there, or weft may not ask it',
  },
  'names-port-taken': {
    severity: 'warning',
    title: 'another program has port 53 where this node answers names: pods ask it, and it does not know them',
    cause: 'a server of names that listens on all addresses, as dnsmasq does unless it is told where',
  },
  'names-not-permitted': {
    severity: 'warning',
    title: 'this node answers no names: weft may not open port 53',
    cause: 'the daemon runs without CAP_NET_BIND_SERVICE',
  },
  'names-not-listening': {
    severity: 'warning',
    title: 'this node does not answer names at all of its addresses',
    cause: 'a socket could not be opened, as the evidence says',
    follows: ['resources-short'],
  },
  'names-thread-died': {
    severity: 'error',
    title: 'this node answers no names: their thread died, and is started again',
    cause: 'a bug of weft, or memory that it had none of: please report it',
  },
  'kubernetes-away': {
    severity: 'warning',
    title: 'the Kubernetes API does not answer: nodes and labels that are new there are not heard of',
    cause: 'its server is down, this node may not ask it, or packets to it are lost, as the evidence says',
  },
  'kubernetes-policies-unwatched': {
    severity: 'error',
    title: 'policies that are new in Kubernetes are not heard of: those that were known before count',
    cause: 'the ClusterRole of weft is that of an earlier version, or there are more policies than weft takes',
    follows: ['kubernetes-away'],
  },
  'kubernetes-services-unwatched': {
    severity: 'error',
    title: 'services and backends that are new in Kubernetes are not heard of: those that were known before count',
    cause: 'the ClusterRole of weft is that of an earlier version, or there are more services than weft takes',
    follows: ['kubernetes-away'],
  },
  'policy-unreadable': {
    severity: 'error',
    title: 'some policies cannot be read: their pods are isolated',
    cause: 'they have values that the Kubernetes API would refuse, or more rules than weft keeps of one policy',
  },
  'policy-not-understood': {
    severity: 'warning',
    title: 'some policies have rules that are not understood, and allow nothing',
    cause: 'they have fields of a later version of Kubernetes, or fields that weft does not support',
  },
  'policy-log-unavailable': {
    severity: 'warning',
    title: 'packets that policies deny are counted, and nobody is told which they are',
    cause:
      'another program listens to group 4789 of NFLOG, or the kernel has no nf_log for nftables or no nfnetlink_log',
  },
  'policy-cuts-unavailable': {
    severity: 'error',
    title: 'connections go on that policies no longer allow',
    cause: 'the kernel does not tell of its connections: nf_conntrack_netlink is missing',
  },
  'kubernetes-node-missing': {
    severity: 'error',
    title: 'this node has no Node object in Kubernetes',
    cause: 'it was deleted, or has another name than this node was told',
  },
  'kubernetes-prefixes-changed': {
    severity: 'error',
    title: 'Kubernetes has other prefixes for this node than it uses: another node may be given these',
    cause: 'the Node object was deleted and made anew, and was assigned other podCIDRs',
  },
  'kubernetes-condition-unset': {
    severity: 'error',
    title: 'Kubernetes may keep pods away from this node, as it is not told that there is a network',
    cause: 'the right to patch nodes/status is missing, or the API does not answer',
    follows: ['kubernetes-away'],
  },
  'kubernetes-unreadable': {
    severity: 'warning',
    title: 'some nodes, pods, namespaces or policies of Kubernetes are not known here',
    cause: 'their objects have fields that are longer, or more, than weft takes: see docs/kubernetes.md',
  },
  'kubernetes-labels-cut': {
    severity: 'warning',
    title: 'other nodes do not know all labels of some pods',
    cause: 'they have more labels than weft tells other nodes of',
  },
  'kubernetes-ports-cut': {
    severity: 'warning',
    title: 'other nodes do not know all named ports of some pods',
    cause: 'they have more named ports than weft tells other nodes of',
  },
  notice: {
    severity: 'warning',
    title: 'weft status has something to say',
    cause: 'see the evidence',
  },
};

const fixes: Readonly<Record<string, Fix>> = {
  'faults-injected': byHand('end it, unless it is meant', 'weft fault list', 'weft fault rm --all'),
  'gossip-not-authenticated': byHand(
    'make a key, give all nodes the same file as gossip.keyFile, and set gossip.authentication to on',
    'weft key generate /etc/weft/gossip.key',
  ),
  'key-file-invalid': byHand('correct the file, and have the daemon read it again', 'systemctl reload weft'),
  'keys-not-saved': byHand('make room, or mount the file system for writing'),
  'too-many-routes': byHand('aggregate nodePrefixes', 'weft routes'),
  'masquerade-unavailable': byHand('load the module, or install nftables', 'modprobe nft_masq'),
  'node-rules-unavailable': byHand('load the modules, or install nftables', 'modprobe -a nft_fib_inet nft_ct'),
  'source-check-unavailable': byHand(
    'load the module, or have a kernel with CONFIG_NF_TABLES_INET',
    'modprobe nf_tables',
  ),
  'source-check-without-arp': byHand('have a kernel that is built with CONFIG_NF_TABLES_ARP'),
  'connections-kept': byHand('load it, and start the daemon again', 'modprobe nf_conntrack_netlink'),
  'names-port-taken': byHand(
    'have the other program listen elsewhere (dnsmasq: bind-interfaces, and listen-address or except-interface), or set names.enabled to off',
    "ss -lnup 'sport = :53'",
    "ss -lntp 'sport = :53'",
  ),
  'names-not-permitted': byHand('give the daemon the capability CAP_NET_BIND_SERVICE, or set names.enabled to off'),
  'names-thread-died': byHand('see why', 'weft events --kind names-thread-died', 'journalctl -u weft'),
  'kubernetes-away': byHand(
    'see whether the server answers, and whether the service account of weft has its rights',
    'weft status',
    'kubectl auth can-i list nodes --as system:serviceaccount:weft:weft',
  ),
  'kubernetes-node-missing': byHand(
    'see what it is called, and set kubernetes.nodeName to that; or have the kubelet register it, by starting it again',
    'kubectl get nodes',
  ),
  'kubernetes-prefixes-changed': byHand(
    'drain the node, and start weft on it again: its pods then get addresses of the new prefixes',
    'kubectl drain NODE --ignore-daemonsets',
    'weft pod list',
  ),
  'kubernetes-condition-unset': byHand(
    'give the service account of weft the right to patch nodes/status',
    'kubectl auth can-i patch nodes/status --as system:serviceaccount:weft:weft',
  ),
  'captures-unavailable': byHand('start the daemon again', 'systemctl restart weft'),
};

/** @param isExplained whether another check speaks of notices with this code. */
export function noticesBeside(isExplained: (code: string) => boolean): DaemonCheck {
  return {
    subject: 'what else weft status has to say',
    needs: 'daemon',
    finds,
    look: ({ daemon: { notices } }) => {
      const rest = notices.filter(({ code }) => !isExplained(code)).map((one) => ({ ...one, id: idOf(one.code) }));
      return [...new Set(rest.map(({ id }) => id))].map((id) => {
        const evidence = rest.filter((one) => one.id === id).map(({ message }) => message);
        return found(finds, id, evidence, fixes[id] ?? byHand('see what the evidence says', 'weft status'));
      });
    },
  };
}

function idOf(code: string): string {
  return code in finds ? code : 'notice';
}
