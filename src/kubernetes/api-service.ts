/**
 * Services of the Kubernetes API (core/v1, k8s.io/api) that have addresses of their own, as small records of text. Whether one is right was
 * asked by the API server. Here each field has a limit, fields that are not known are passed over, and what is left out has the API's default.
 */
import * as v from 'valibot';
import { readAddress, readPrefix } from '../policy/read-prefix.ts';
import { MAX_SHARING_KEY, SHARING_ANNOTATION, WANTED_ANNOTATION } from '../services/balancer-annotations.ts';
import { mayBePlace } from '../services/read-service-addresses.ts';
import { serviceTypes, type ShownService } from '../services/service-record.ts';

const MAX_NAME_LENGTH = 253;
const MAX_PORT = 65_535;

/** Of one service. Kubernetes has no limits but the length of the object; ports of media servers are hundreds. */
const MAX_PORTS = 1_024;
const MAX_ADDRESSES = 64;
const MAX_SOURCES = 256;
const MAX_LABELS = 1_024;
/** One of each family. */
const MAX_WANTED = 2;

/** How long a client that is silent keeps its backend if nothing is said, and the longest, in seconds (core/v1, ClientIPConfig). */
const DEFAULT_AFFINITY_SECONDS = 10_800;
const MAX_AFFINITY_SECONDS = 86_400;

const name = v.pipe(v.string(), v.minLength(1), v.maxLength(MAX_NAME_LENGTH));
const word = v.pipe(v.string(), v.maxLength(MAX_NAME_LENGTH));
const portNumber = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(MAX_PORT));
const nodePort = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(MAX_PORT));
const seconds = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(MAX_AFFINITY_SECONDS));
const protocol = v.picklist(['TCP', 'UDP', 'SCTP']);
const trafficPolicy = v.picklist(['cluster', 'local']);
const labels = v.pipe(
  v.record(v.string(), v.string()),
  v.check((all) => Object.keys(all).length <= MAX_LABELS),
);

/** Kubernetes writes an empty list as null, too. */
function listOf<Schema extends v.GenericSchema>(item: Schema, most: number) {
  return v.nullish(v.pipe(v.array(item), v.maxLength(most)), []);
}

/** A record, as it is stored as well. */
export const apiService = v.object({
  namespace: name,
  name,
  type: v.picklist(serviceTypes),
  clusterAddresses: v.array(word),
  externalAddresses: v.array(word),
  /** Those to which packets come as they were sent: none of a load balancer that is a proxy. */
  loadBalancerAddresses: v.array(word),
  /** Prefixes; empty: anybody may use it. */
  loadBalancerSources: v.array(word),
  ports: v.array(
    v.object({
      /** Empty where there is one port alone. */
      name: word,
      protocol,
      port: portNumber,
      /** 0: it has none. */
      nodePort,
      targetPort: v.union([portNumber, word]),
    }),
  ),
  internalTraffic: trafficPolicy,
  externalTraffic: trafficPolicy,
  /** 0: clients are not kept at their backends. */
  affinitySeconds: v.pipe(v.number(), v.integer(), v.minValue(0)),
  /** Empty: it selects none. */
  selector: labels,
  /** Which addresses of a load balancer it would like to have. */
  wantedBalancerAddresses: v.optional(v.array(word), []),
  /** Empty: it names none. */
  loadBalancerClass: v.optional(word, ''),
  /** Empty: it shares its addresses with none. */
  sharingKey: v.optional(word, ''),
});

/** A Service. */
export type ApiService = v.InferOutput<typeof apiService>;

const servicePort = v.object({
  name: v.nullish(word, ''),
  protocol: v.nullish(protocol, 'TCP'),
  port: portNumber,
  nodePort: v.nullish(nodePort, 0),
  targetPort: v.nullish(v.union([v.number(), word])),
});

const ingress = v.object({ ip: v.nullish(word, ''), ipMode: v.nullish(word, '') });

const service = v.object({
  metadata: v.object({ name, namespace: name, annotations: v.nullish(v.record(v.string(), v.string()), {}) }),
  spec: v.object({
    type: v.nullish(v.picklist(serviceTypes), 'ClusterIP'),
    clusterIP: v.nullish(word, ''),
    clusterIPs: listOf(word, MAX_ADDRESSES),
    externalIPs: listOf(word, MAX_ADDRESSES),
    loadBalancerSourceRanges: listOf(word, MAX_SOURCES),
    ports: listOf(servicePort, MAX_PORTS),
    selector: v.nullish(labels, {}),
    internalTrafficPolicy: v.nullish(word, ''),
    externalTrafficPolicy: v.nullish(word, ''),
    loadBalancerClass: v.nullish(word, ''),
    loadBalancerIP: v.nullish(v.string(), ''),
    sessionAffinity: v.nullish(word, ''),
    sessionAffinityConfig: v.nullish(
      v.object({ clientIP: v.nullish(v.object({ timeoutSeconds: v.nullish(seconds) })) }),
    ),
  }),
  status: v.nullish(
    v.object({ loadBalancer: v.nullish(v.object({ ingress: listOf(ingress, MAX_ADDRESSES) }), {}) }),
    {},
  ),
});

/** The record of a Service; `undefined`: it is none, is an ExternalName, which has no addresses, or is beyond all limits. */
export function readApiService(object: unknown): ApiService | undefined {
  const result = v.safeParse(service, object);
  if (!result.success) return undefined;
  const { metadata, spec, status } = result.output;
  const { annotations, ...names } = metadata;
  return {
    ...names,
    type: spec.type,
    clusterAddresses: clusterAddressesOf(spec.clusterIPs.length > 0 ? spec.clusterIPs : [spec.clusterIP]),
    externalAddresses: spec.externalIPs,
    loadBalancerAddresses: spec.type === 'LoadBalancer' ? ingressAddresses(status.loadBalancer?.ingress ?? []) : [],
    loadBalancerSources: spec.loadBalancerSourceRanges,
    ports: spec.ports.map(({ targetPort, ...port }) => ({ ...port, targetPort: targetPort || port.port })),
    internalTraffic: spec.internalTrafficPolicy === 'Local' ? 'local' : 'cluster',
    externalTraffic: spec.externalTrafficPolicy === 'Local' ? 'local' : 'cluster',
    affinitySeconds:
      spec.sessionAffinity === 'ClientIP'
        ? (spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? DEFAULT_AFFINITY_SECONDS)
        : 0,
    selector: spec.selector,
    wantedBalancerAddresses: wantedOf(annotations?.[WANTED_ANNOTATION] || spec.loadBalancerIP),
    loadBalancerClass: spec.loadBalancerClass,
    sharingKey: (annotations?.[SHARING_ANNOTATION] ?? '').slice(0, MAX_SHARING_KEY),
  };
}

/** The API server takes any text for them. What is no address is wanted as it stands there: whoever gives addresses says so. */
function wantedOf(text: string): string[] {
  return text
    .split(',')
    .map((part) => part.trim().slice(0, MAX_NAME_LENGTH))
    .filter((part) => part !== '')
    .slice(0, MAX_WANTED);
}

/** A headless one has none: `None` stands there. */
function clusterAddressesOf(texts: readonly string[]): string[] {
  return texts.filter((text) => text !== '' && text !== 'None');
}

function ingressAddresses(entries: readonly v.InferOutput<typeof ingress>[]): string[] {
  return entries.filter(({ ip, ipMode }) => ip !== '' && ipMode !== 'Proxy').map(({ ip }) => ip);
}

/** What a record says. An address that no service may have is left out, and so is a prefix that is none: those are let in by nobody. */
export function serviceOf(record: ApiService): ShownService {
  const { loadBalancerSources: sources, selector } = record;
  return {
    namespace: record.namespace,
    name: record.name,
    type: record.type,
    clusterAddresses: record.clusterAddresses.flatMap(placeOf),
    externalAddresses: record.externalAddresses.flatMap(placeOf),
    loadBalancerAddresses: record.loadBalancerAddresses.flatMap(placeOf),
    loadBalancerSources: sources.length === 0 ? undefined : sources.flatMap((text) => readPrefix(text.trim()) ?? []),
    ports: record.ports.map((port) => ({ ...port, nodePort: port.nodePort === 0 ? undefined : port.nodePort })),
    internalTraffic: record.internalTraffic,
    externalTraffic: record.externalTraffic,
    affinitySeconds: record.affinitySeconds === 0 ? undefined : record.affinitySeconds,
    selector: Object.keys(selector).length === 0 ? undefined : selector,
    // These are not watched.
    isHeadless: false,
    wantedBalancerAddresses: record.wantedBalancerAddresses.flatMap(placeOf),
    loadBalancerClass: record.loadBalancerClass === '' ? undefined : record.loadBalancerClass,
    sharingKey: record.sharingKey === '' ? undefined : record.sharingKey,
  };
}

function placeOf(text: string) {
  const address = readAddress(text);
  return address !== undefined && mayBePlace(address) ? address : [];
}
