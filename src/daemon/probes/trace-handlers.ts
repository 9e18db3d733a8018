/** Traces, put together: this node's part in those of others, and its own. */
import { sendRawPacket } from '../../linux/raw-packet.ts';
import type { CaptureSlots } from '../capture/capture-slots.ts';
import type { DiagnosisParts } from '../diagnosis.ts';
import type { Places } from './places.ts';
import type { RemoteNodes } from '../remote/remote-nodes.ts';
import type { Trace, TraceRequest } from './trace-api.ts';
import { TraceNode } from './trace-node.ts';
import { Tracer } from './tracer.ts';

/** What the control server asks of it. */
export interface TraceHandlers {
  /** @throws ConfigError; WeftError `place-unknown`, `place-ambiguous`, `trace-no-source`, and as `RemoteNodes.ask` */
  trace(request: TraceRequest): Promise<Trace>;
}

/** Puts it together. */
export function composeTraces(
  { config, identity, routes, dataplane }: DiagnosisParts,
  remote: RemoteNodes,
  places: Places,
  slots: CaptureSlots,
): { readonly handlers: TraceHandlers; close(): void } {
  const node = new TraceNode({
    nodeName: config.nodeName,
    identity,
    remote,
    slots,
    obeyed: async () => dataplane.obeyed(),
    routes,
    nodePrefixes: config.nodePrefixes,
    clusterPrefixes: config.clusterPrefixes,
    send: sendRawPacket,
  });
  const tracer = new Tracer({ places, remote });
  return { handlers: { trace: async (request) => tracer.trace(request) }, close: () => node.close() };
}
