/** Whether somebody else translates addresses of services on this node, too. */
import type { FirewallChain } from '../../firewall/ruleset.ts';
import { byHand, type DaemonCheck, type FindingKinds, found } from '../check.ts';

const finds: FindingKinds = {
  'services-and-kube-proxy': {
    severity: 'warning',
    title: 'both weft and kube-proxy have services on this node',
    cause:
      'the node is one of Kubernetes, whose API weft is not told to ask, or kube-proxy has ended and left its rules; weft comes first, and refuses what none of its services has in services.prefixes',
  },
};

export const serviceProxies: DaemonCheck = {
  subject: 'services: rules of kube-proxy beside those of weft',
  needs: 'daemon',
  looksAt: ['firewall'],
  finds,
  look: ({ host: { firewall }, daemon: { services } }) => {
    if (services === undefined || services.count === 0) return [];
    const places = [...new Set(firewall.chains.flatMap(placeOfProxy))];
    if (places.length === 0) return [];
    const had = services.count === 1 ? 'weft has 1 service' : `weft has ${services.count} services`;
    const fix = byHand(
      'where Kubernetes has the services, have the daemon ask its API (kubernetes.enabled), and weft leaves them alone; otherwise end kube-proxy, and have it remove its rules',
      'weft services',
      'kube-proxy --cleanup',
    );
    return [found(finds, 'services-and-kube-proxy', [`${had}, and there is ${places.join(', ')}`], fix)];
  },
};

/**
 * Its table of nftables (k8s.io/kubernetes, pkg/proxy/nftables), or its chain of iptables (pkg/proxy/iptables and pkg/proxy/ipvs). A kubelet
 * makes other chains, also where there is no kube-proxy.
 */
function placeOfProxy({ table, name, title }: FirewallChain): readonly string[] {
  if (/^nftables table ip6? kube-proxy$/.test(table)) return [table];
  return name === 'KUBE-SERVICES' && table.endsWith(' nat') ? [title] : [];
}
