/** What a node does with a packet to an address of a service, in words. Pure: all facts are given. */
import type { ExplainedStep, Fate } from './explanation.ts';

/** What becomes of the first packet of a flow. */
export type ServiceOutcome =
  /** It goes to a backend. */
  | 'backend'
  /** No backend is there: the sender is told. */
  | 'refused'
  /** Backends are on other nodes alone, and the service keeps to those of this one. */
  | 'dropped'
  /** A load balancer does not let its source in. */
  | 'source-refused'
  /** The address is one of services, and none of them has that port: the sender is told. */
  | 'no-port'
  /** The prefix is one of services, and none of them has the address: the sender is told. */
  | 'no-service'
  /** It is not known what the kernel has. */
  | 'unknown';

export interface ServiceChoice {
  readonly outcome: ServiceOutcome;
  /** Port of a service: `shop/web:http`; empty: none has that address and port. */
  readonly service: string;
  /** Where the packet is sent to: `10.96.0.1 tcp 80`. */
  readonly place: string;
  /** How many may get it. */
  readonly backends: number;
  /** Why that one: it is the only one, the hash of the flow means it, or the client has been there. */
  readonly how: 'only' | 'hash' | 'kept';
  /** Of outcome `backend`. */
  readonly backend: ChosenBackend | undefined;
  /** Of outcome `unknown`. */
  readonly why: string;
}

export interface ChosenBackend {
  readonly address: string;
  readonly port: number;
  /** `shop/web-0`; empty: it is not known. */
  readonly pod: string;
  /** Empty: it is not known. */
  readonly node: string;
}

/** @param sourcePort of the flow, by which the backend is chosen. @param isItself whether that is who sends it */
export function tellChoice(
  choice: ServiceChoice,
  node: string,
  sourcePort: number,
  isItself: boolean,
): { readonly step: ExplainedStep; readonly fate: Fate | null } {
  const { outcome, service, place, backend } = choice;
  const details = {
    node,
    service,
    place,
    backends: choice.backends,
    ...(backend !== undefined && { backend: backend.address, port: backend.port, pod: backend.pod, how: choice.how }),
  };
  const step = (verdict: ExplainedStep['verdict'], text: string): ExplainedStep => ({
    hook: 'service',
    verdict,
    text,
    details,
  });
  if (outcome === 'unknown')
    return {
      step: step('unknown', `where ${node} sends what is for ${place} cannot be told: ${choice.why}`),
      fate: 'unknown',
    };
  if (outcome !== 'backend') return { step: step('stop', `${node} ${stopWords[outcome](choice)}`), fate: 'blocked' };
  const text = `${place} is service ${service}: ${backendWords(choice, sourcePort)}`;
  if (!isItself) return { step: step('pass', text), fate: null };
  const own = `${text}, the sender itself: ${node} sends it back under its own overlay address; whether rules of others let that pass is not looked at`;
  return { step: step('unknown', own), fate: 'unknown' };
}

const stopWords: Readonly<Record<Exclude<ServiceOutcome, 'backend' | 'unknown'>, (choice: ServiceChoice) => string>> = {
  refused: ({ place, service }) => `refuses it: service ${service} (${place}) has no backend`,
  dropped: ({ place, service }) =>
    `drops it: service ${service} (${place}) keeps to backends of the node that packets come to, and there is none at it`,
  'source-refused': ({ place, service }) => `drops it: service ${service} (${place}) does not let its source in`,
  'no-port': ({ place }) => `refuses it: the address is one of services, and none of them has ${place}`,
  'no-service': ({ place }) => `refuses it: no service has the address of ${place}`,
};

function backendWords({ backend, backends, how }: ServiceChoice, sourcePort: number): string {
  const { address, port, pod, node } = backend!;
  const at = node === '' ? '' : ` at ${node}`;
  const who = pod === '' ? at : ` (pod ${pod}${at})`;
  const to = `${address} port ${port}${who}`;
  if (how === 'only') return `its only backend is ${to}`;
  if (how === 'kept') return `of ${backends} backends, the client keeps ${to}`;
  return `of ${backends} backends, a flow from port ${sourcePort} gets ${to}`;
}
