/** Traces, put together: this node's part in those of others, and its own. */
import { enterNetworkNamespace } from '../../linux/network-namespace.ts';
import { NftTraceSocket } from '../../linux/nft-trace-socket.ts';
import { removeTable, replaceTable, TRACE_TABLE } from '../../linux/nftables.ts';
import { sendRawPacket } from '../../linux/raw-packet.ts';
import { hasLegacyTables, readRuleset } from '../../linux/ruleset.ts';
import type { IpAddress } from '../../wire/address.ts';
import { holderAmong } from '../pods/pod-holder.ts';
import type { Pods } from '../pods/pods.ts';
import { KernelTraces } from './kernel-traces.ts';
import type { CaptureSlots } from '../capture/capture-slots.ts';
import type { Places } from '../places/places.ts';
import type { RemoteNodes } from '../remote/remote-nodes.ts';
import type { Trace, TraceRequest } from '../../api/trace-api.ts';
import { TraceNode } from './trace-node.ts';
import { Tracer } from './tracer.ts';
import type { Config } from '../config/config.ts';
import type { OverlayRoutes } from '../../forwarding/overlay-routes.ts';
import type { Dataplane } from '../worker/dataplane.ts';
import type { OwnPrefixes } from '../routes/own-prefixes.ts';
import type { Logger } from '../../env/logger.ts';

/** What the control server asks of it. */
export interface TraceHandlers {
  /** @throws ConfigError; WeftError `place-unknown`, `place-ambiguous`, `trace-no-source`, and as `RemoteNodes.ask` */
  trace(request: TraceRequest): Promise<Trace>;
}

/** What packets are traced through. */
export interface TraceParts {
  readonly config: Config;
  readonly identity: string;
  readonly routes: OverlayRoutes;
  readonly dataplane: Dataplane;
  readonly pods: Pods;
  readonly prefixes: OwnPrefixes;
  readonly logger: Logger;
}

/** Puts it together. */
export function composeTraces(
  { config, identity, routes, dataplane, pods, prefixes, logger }: TraceParts,
  remote: RemoteNodes,
  places: Places,
  slots: CaptureSlots,
): { readonly handlers: TraceHandlers; close(): Promise<void> } {
  const kernel = new KernelTraces({
    setRules: async (chains) => (chains === undefined ? removeTable(TRACE_TABLE) : replaceTable(TRACE_TABLE, chains)),
    listen: () => new NftTraceSocket(),
    readRuleset: async () => readRuleset(),
    hasLegacyTables,
    logger,
  });
  // Where there is no nftables, there is nothing left of it either.
  void kernel
    .start()
    .catch((error: unknown) => logger.debug({ error: String(error) }, 'no rules of traces are removed'));
  const node = new TraceNode({
    nodeName: config.nodeName,
    identity,
    remote,
    slots,
    obeyed: async () => dataplane.obeyed(),
    routes,
    prefixes,
    clusterPrefixes: config.clusterPrefixes,
    send: (packet, source, destination) => sendFrom(pods, packet, source, destination),
    kernel,
  });
  const tracer = new Tracer({ places, remote });
  return {
    handlers: { trace: async (request) => tracer.trace(request) },
    close: async () => {
      node.close();
      await kernel.close();
    },
  };
}

/** As the pod would that has the address, or forwards for it: through its own kernel. What is no pod's, the node sends itself. */
function sendFrom(pods: Pick<Pods, 'list'>, packet: Uint8Array, source: IpAddress, destination: IpAddress): void {
  const holder = holderAmong(
    pods.list().filter(({ state }) => state === 'running'),
    source,
  );
  const leave = holder === undefined ? undefined : enterNetworkNamespace(holder.pod.netns);
  try {
    sendRawPacket(packet, destination);
  } finally {
    leave?.();
  }
}
