/** The daemon at one moment, as `weft status`, `/v1/status` and the metrics show it. */
import type { WorkerAccount } from '../dataplane/accounts.ts';
import type { MemberState } from '../membership/announcement.ts';
import { formatEndpoint, formatIpAddress, formatMacAddress } from '../wire/address.ts';
import { formatPrefix } from '../wire/prefix.ts';
import type { Notice, Status } from '../api/control-api.ts';
import type { KubernetesStatus } from '../api/kubernetes-api.ts';
import type { NamesStatus } from '../api/names-api.ts';
import type { Config } from './config/config.ts';
import type { Dataplane } from './worker/dataplane.ts';
import type { Gossip } from './gossip/gossip.ts';
import type { OverlayRoutes } from '../forwarding/overlay-routes.ts';
import type { Pods } from './pods/pods.ts';
import type { SpoofWatch } from './pods/spoof-watch.ts';
import type { RefusedTraffic } from './rules/refused-traffic.ts';
import type { ThisNode } from './this-node.ts';
import type { Underlay } from './underlay/underlay.ts';
import type { RecordedPackets } from './explain/recorded-packets.ts';
import { readVersion } from './process/version.ts';

export interface StatusViewOptions {
  readonly config: Config;
  readonly node: ThisNode;
  /** In use now. */
  readonly underlay: () => Underlay;
  readonly dataplane: Dataplane;
  readonly recorded: RecordedPackets;
  readonly gossip: Gossip;
  readonly routes: OverlayRoutes;
  readonly pods: Pods;
  readonly spoofing: SpoofWatch;
  /** Packets that network policies denied. */
  readonly policyDenied: () => number;
  readonly policyLog: () => Status['kernel']['policyLog'];
  readonly names: () => NamesStatus;
  readonly kubernetes: () => KubernetesStatus | null;
  readonly audit: () => Status['audit'];
  readonly rules: Pick<RefusedTraffic, 'refused' | 'intoOverlay'>;
  /** What is to be known of this host now. */
  readonly notices: () => readonly Notice[];
}

export class StatusView {
  readonly #options: StatusViewOptions;
  readonly #startedAt = new Date().toISOString();

  constructor(options: StatusViewOptions) {
    this.#options = options;
  }

  status(): Status {
    const { config, node, dataplane, gossip, routes, pods, spoofing, recorded, rules } = this.#options;
    const underlay = this.#options.underlay();
    const workers = dataplane.accounts();
    const members = gossip.members();
    return {
      version: readVersion().version,
      nodeName: config.nodeName,
      identity: node.identity,
      network: config.networkName,
      startedAt: this.#startedAt,
      pid: process.pid,
      configFile: config.file ?? null,
      underlay: {
        interface: underlay.interface,
        address: formatIpAddress(underlay.address),
        mtuBytes: underlay.mtuBytes,
        reason: underlay.reason,
      },
      vxlan: config.vxlan,
      tun: { device: config.tun.device, mtuBytes: node.deviceMtuBytes, mac: formatMacAddress(node.mac) },
      clusterPrefixes: config.clusterPrefixes.map(formatPrefix),
      nodePrefixes: config.nodePrefixes.map(formatPrefix),
      nodeAddresses: node.nodeAddresses.map(formatIpAddress),
      gossip: {
        endpoint: formatEndpoint({ address: underlay.address, port: config.gossip.port }),
        seeds: config.gossip.seeds.map(({ host, port }) => `${host.includes(':') ? `[${host}]` : host}:${port}`),
        authenticated: config.gossip.keyFile !== undefined,
        members: countByState(members.map((member) => member.state)),
        datagramsReceived: gossip.datagramsReceived,
        socketOverflow: gossip.datagramOverflow(),
        sendForbidden: gossip.datagramsForbidden,
        refused: gossip.refused(),
        statistics: gossip.statistics(),
      },
      dataEncrypted: false,
      audit: this.#options.audit(),
      peers: routes.peerCount,
      routes: routes.routeCount,
      pods: pods.list().length,
      names: this.#options.names(),
      kubernetes: this.#options.kubernetes(),
      features: dataplane.features,
      workers,
      recorder: { sizeBytes: dataplane.recorder?.buffer.byteLength ?? 0, ...recorded.span() },
      tunQueueOverflow: dataplane.tunQueueOverflow(),
      kernel: {
        refused: {
          ...rules.refused,
          'pod-spoofed-source': spoofing.total,
          'policy-denied': this.#options.policyDenied(),
        },
        intoOverlay: rules.intoOverlay,
        policyLog: this.#options.policyLog(),
      },
      residual: residualOf(workers),
      notices: [...this.#options.notices(), ...routes.notices(), ...gossip.notices()],
    };
  }
}

function countByState(states: readonly MemberState[]): Record<MemberState, number> {
  const counts = { alive: 0, suspect: 0, dead: 0, left: 0 };
  for (const state of states) counts[state]++;
  return counts;
}

/** received + originated - sent - delivered - relayed - dropped - queued. Anything but 0 is a bug of weft. */
function residualOf(workers: readonly WorkerAccount[]): number {
  const directions = workers.flatMap(({ egress, ingress }) => [egress, ingress]);
  return directions.reduce((sum, account) => {
    const dropped = Object.values(account.dropped).reduce((total, packets) => total + packets, 0);
    const { received, originated, sent, delivered, relayed, queued } = account;
    return sum + received + originated - sent - delivered - relayed - dropped - queued;
  }, 0);
}
