/** What an audit of a daemon compares: see `audit.ts`. */
import type { AuditedTable } from '../api/control-api.ts';
import type { AuditedPart } from './audit/audit.ts';
import type { Dataplane } from './worker/dataplane.ts';
import type { Gossip } from './gossip/gossip.ts';
import type { ComposedHost } from './compose-host.ts';
import type { ComposedPolicy } from './compose-policy.ts';
import type { ComposedServices } from './compose-services.ts';
import type { HostWatch } from './host/host-watch.ts';
import type { Kubernetes } from './kubernetes/kubernetes.ts';
import type { OverlayRoutes } from '../forwarding/overlay-routes.ts';
import type { Pods } from './pods/pods.ts';
import { routeFindings } from './audit/route-findings.ts';

export interface AuditedDaemon {
  readonly gossip: Gossip;
  readonly routes: OverlayRoutes;
  readonly dataplane: Dataplane;
  readonly host: Pick<ComposedHost, 'network'> & { readonly watch: HostWatch };
  readonly pods: Pods;
  /** `undefined`: no policies are enforced. */
  readonly policy: ComposedPolicy | undefined;
  /** `undefined`: others have the services. */
  readonly services: ComposedServices | undefined;
  /** `undefined`: Kubernetes is not asked. */
  readonly kubernetes: Kubernetes | undefined;
}

/**
 * Of more routes than these, a periodic audit only makes sure that they were made from what gossip knows: to resolve them
 * again would keep gossip waiting.
 */
const MAX_PERIODICALLY_RESOLVED = 5_000;

/** The tables, the one that others are made from first. */
export function auditedParts(daemon: AuditedDaemon): Readonly<Record<AuditedTable, AuditedPart>> {
  const { gossip, routes, dataplane, host, pods, policy, services, kubernetes } = daemon;
  return {
    routes: {
      inspect: (trigger) => {
        const entries = routes.inUse.length;
        // What has just changed is about to be taken.
        if (!gossip.isSettled) return { entries, findings: [] };
        const { self, others } = gossip.current();
        const isMany = entries > MAX_PERIODICALLY_RESOLVED;
        if (trigger === 'periodic' && isMany && routes.isMadeFrom(others)) return { entries, findings: [] };
        return { entries, findings: routeFindings(routes.wouldUse(self, others), routes.inUse) };
      },
      repair: () => {
        const { self, others } = gossip.current();
        routes.repair(self, others);
      },
    },
    workers: dataplane,
    kernel: {
      inspect: async () => {
        const found = await Promise.all([
          host.network.inspect(),
          pods.inspect(),
          ...(policy === undefined ? [] : [policy.enforcement.inspect()]),
          ...(services === undefined ? [] : [services.enforcement.inspect()]),
        ]);
        return {
          entries: found.reduce((sum, { entries }) => sum + entries, 0),
          findings: found.flatMap(({ findings }) => findings),
        };
      },
      repair: async () => {
        await host.watch.look();
        await pods.repair();
        await policy?.enforcement.repair();
        await services?.enforcement.repair();
        const trouble = host.watch.notices().find(({ code }) => code === 'host-network-broken');
        if (trouble !== undefined) throw new Error(trouble.message);
      },
    },
    kubernetes: {
      inspect: () => {
        const { entries, differences } = kubernetes?.compare(pods.kubernetesPods()) ?? { entries: 0, differences: [] };
        return { entries, findings: differences };
      },
      // Whose pods they are is the runtime's and the kubelet's to say.
      repair: () => {
        throw new Error('weft leaves that to the runtime');
      },
    },
  };
}
