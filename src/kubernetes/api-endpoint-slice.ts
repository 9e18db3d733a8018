/**
 * EndpointSlices of the Kubernetes API (discovery.k8s.io/v1, k8s.io/api): backends of a service, some hundred in one slice, as small records
 * of text with the limits that the API has, or wider ones.
 */
import * as v from 'valibot';
import { readAddress } from '../policy/read-prefix.ts';
import { mayBePlace } from '../services/read-service-addresses.ts';
import type { Backend, ServiceProtocol } from '../services/service.ts';

/** Which service a slice is of (LabelServiceName). Without it, it is of none. */
export const SERVICE_NAME_LABEL = 'kubernetes.io/service-name';

const MAX_NAME_LENGTH = 253;
const MAX_PORT = 65_535;

/** The API takes 1 000 endpoints, and more ports than a service here has. */
const MAX_ENDPOINTS = 1_000;
const MAX_PORTS = 1_024;

/** Zones, or nodes, of one hint; the API takes 8. */
const MAX_HINTS = 8;

const name = v.pipe(v.string(), v.minLength(1), v.maxLength(MAX_NAME_LENGTH));
const word = v.pipe(v.string(), v.maxLength(MAX_NAME_LENGTH));
const portNumber = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(MAX_PORT));
const protocol = v.picklist(['TCP', 'UDP', 'SCTP']);
const words = v.array(word);

/** A record, as it is stored as well. */
export const apiEndpointSlice = v.object({
  namespace: name,
  name,
  /** In the same namespace. */
  serviceName: name,
  /** Of each endpoint. The name is that of the service's port. */
  ports: v.array(v.object({ name: word, protocol, port: portNumber })),
  endpoints: v.array(
    v.object({
      address: word,
      isReady: v.boolean(),
      isServing: v.boolean(),
      isTerminating: v.boolean(),
      /** Empty: not known. */
      nodeName: word,
      forNodes: words,
      forZones: words,
    }),
  ),
});

/** An EndpointSlice. */
export type ApiEndpointSlice = v.InferOutput<typeof apiEndpointSlice>;

/** Kubernetes writes an empty list as null, too. */
function listOf<Schema extends v.GenericSchema>(item: Schema, most: number) {
  return v.nullish(v.pipe(v.array(item), v.maxLength(most)), []);
}

const hints = listOf(v.object({ name: word }), MAX_HINTS);

const endpoint = v.object({
  // At most 100. All but the first mean nothing.
  addresses: v.pipe(v.array(word), v.minLength(1), v.maxLength(100)),
  conditions: v.nullish(
    v.object({
      ready: v.nullish(v.boolean(), true),
      serving: v.nullish(v.boolean(), true),
      terminating: v.nullish(v.boolean(), false),
    }),
    {},
  ),
  nodeName: v.nullish(word, ''),
  hints: v.nullish(v.object({ forZones: hints, forNodes: hints }), {}),
});

const slice = v.object({
  metadata: v.object({ name, namespace: name, labels: v.object({ [SERVICE_NAME_LABEL]: name }) }),
  addressType: v.picklist(['IPv4', 'IPv6', 'FQDN']),
  ports: listOf(
    v.object({ name: v.nullish(word, ''), protocol: v.nullish(protocol, 'TCP'), port: v.nullish(portNumber) }),
    MAX_PORTS,
  ),
  endpoints: listOf(endpoint, MAX_ENDPOINTS),
});

/** The record of an EndpointSlice; of names (`FQDN`), one without endpoints. `undefined`: it is none, of no service, or beyond all limits. */
export function readEndpointSlice(object: unknown): ApiEndpointSlice | undefined {
  const result = v.safeParse(slice, object);
  if (!result.success) return undefined;
  const { metadata, addressType, ports, endpoints } = result.output;
  return {
    namespace: metadata.namespace,
    name: metadata.name,
    serviceName: metadata.labels[SERVICE_NAME_LABEL],
    // One without a number stands for all ports, which no service has.
    ports: ports.flatMap(({ port, ...rest }) => (port == null ? [] : [{ ...rest, port }])),
    endpoints: addressType === 'FQDN' ? [] : endpoints.map(endpointOf),
  };
}

function endpointOf({ addresses, conditions, nodeName, hints: meant }: v.InferOutput<typeof endpoint>) {
  return {
    address: addresses[0]!,
    isReady: conditions.ready ?? true,
    isServing: conditions.serving ?? true,
    isTerminating: conditions.terminating ?? false,
    nodeName,
    forNodes: (meant.forNodes ?? []).map((one) => one.name),
    forZones: (meant.forZones ?? []).map((one) => one.name),
  };
}

/** What a slice says of the pods behind a service, whatever their ports. An address that no backend may have is left out. */
export function placesIn({ endpoints }: ApiEndpointSlice): readonly Omit<Backend, 'port'>[] {
  return endpoints.flatMap(({ address: text, ...rest }) => {
    const address = readAddress(text);
    return address === undefined || !mayBePlace(address) ? [] : { ...rest, address };
  });
}

/** Numbers that a port of the service has in a slice. */
export function numbersIn(
  { ports }: ApiEndpointSlice,
  wanted: { readonly name: string; readonly protocol: ServiceProtocol },
): readonly number[] {
  return ports.flatMap(({ name: own, protocol: by, port }) =>
    own === wanted.name && by === wanted.protocol ? port : [],
  );
}
