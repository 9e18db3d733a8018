/**
 * Service (core/v1, k8s.io/api): its defaults, and what is wrong with one, are those of the API server of Kubernetes 1.34
 * (k8s.io/kubernetes, pkg/apis/core), but for those of type ExternalName, which are refused.
 */
import { problemsOfLabelKey, problemsOfPortNumber, problemsOfServiceName } from '../policy/name-syntax.ts';
import { ObjectValue } from '../policy/object-value.ts';
import { readLabels } from '../policy/read-labels.ts';
import { readObjectMetadata } from '../policy/read-object-metadata.ts';
import { MAX_SHARING_KEY, SHARING_ANNOTATION } from './balancer-annotations.ts';
import {
  readClusterAddresses,
  readExternalAddresses,
  readLoadBalancerAddresses,
  readLoadBalancerSources,
  readWantedAddresses,
} from './read-service-addresses.ts';
import { readServicePorts } from './read-service-ports.ts';
import { type ServiceRecord, type ServiceType, serviceTypes, trafficDistributions } from './service-record.ts';
import type { TrafficPolicy } from './service.ts';

export type ServiceReading =
  | { readonly service: ServiceRecord }
  | {
      readonly service: undefined;
      /** In the words of the Kubernetes API server; at least one. */
      readonly problems: readonly string[];
    };

/** `ServiceSpec` */
const FIELDS = [
  'allocateLoadBalancerNodePorts',
  'clusterIP',
  'clusterIPs',
  'externalIPs',
  'externalName',
  'externalTrafficPolicy',
  'healthCheckNodePort',
  'internalTrafficPolicy',
  'ipFamilies',
  'ipFamilyPolicy',
  'loadBalancerClass',
  'loadBalancerIP',
  'loadBalancerSourceRanges',
  'ports',
  'publishNotReadyAddresses',
  'selector',
  'sessionAffinity',
  'sessionAffinityConfig',
  'trafficDistribution',
  'type',
];

/** How long a client that is silent keeps its backend if nothing is said, and the longest, in seconds. */
const DEFAULT_AFFINITY_SECONDS = 10_800;
const MAX_AFFINITY_SECONDS = 86_400;

/**
 * Reads a Service of JSON or YAML. Without a namespace, it is one of namespace `default`. It may lack what somebody else assigns: addresses
 * of the cluster, node ports.
 */
export function readService(object: unknown): ServiceReading {
  const whole = new ObjectValue(object);
  const { problems } = whole;
  const [version, kind] = ['apiVersion', 'kind'].map((name) => whole.field(name).text() ?? '');
  // Items of lists that the API gives say neither.
  if (`${version}${kind}` !== '' && (version !== 'v1' || kind !== 'Service'))
    return {
      service: undefined,
      problems: [`no matches for kind ${JSON.stringify(kind)} in version ${JSON.stringify(version)}`],
    };
  whole.allow(['apiVersion', 'kind', 'metadata', 'spec', 'status']);
  const metadata = readMetadata(whole.field('metadata'));
  const spec = whole.field('spec');
  spec.allow(FIELDS);
  const type = readType(spec);
  // Of what has no addresses, nothing else is to be said.
  if (type === undefined) return { service: undefined, problems };
  const annotations = whole.field('metadata').field('annotations');
  const service = {
    ...metadata,
    ...readSpec(spec, type, whole.field('status')),
    wantedBalancerAddresses: readWantedAddresses(annotations, spec.field('loadBalancerIP'), type),
    sharingKey: readSharingKey(annotations, type),
  };
  return problems.length > 0 ? { service: undefined, problems } : { service };
}

function readMetadata(metadata: ObjectValue): Pick<ServiceRecord, 'namespace' | 'name'> {
  readLabels(metadata.field('labels'));
  const annotations = metadata.field('annotations');
  for (const [key] of annotations.texts())
    for (const problem of problemsOfLabelKey(key.toLowerCase())) annotations.invalid(problem, key);
  return readObjectMetadata(metadata, true, problemsOfServiceName);
}

/** `undefined`: it is ExternalName. */
function readType(spec: ObjectValue): ServiceType | undefined {
  const [type, externalName] = [spec.field('type'), spec.field('externalName')];
  if (type.value === 'ExternalName') {
    type.forbidden('services of type ExternalName are not supported');
    return undefined;
  }
  // The API server ignores it.
  if ((externalName.text() ?? '') !== '') externalName.forbidden('names outside of the cluster are not supported');
  return type.oneOfOr(serviceTypes, 'ClusterIP');
}

function readSpec(
  spec: ObjectValue,
  type: ServiceType,
  status: ObjectValue,
): Omit<ServiceRecord, 'namespace' | 'name' | 'wantedBalancerAddresses' | 'sharingKey'> {
  const labels = readLabels(spec.field('selector'));
  const selector = Object.keys(labels).length > 0 ? labels : undefined;
  const cluster = readClusterAddresses(spec, type, selector !== undefined);
  const externalAddresses = readExternalAddresses(spec.field('externalIPs'));
  const isAccessible = type !== 'ClusterIP' || externalAddresses.length > 0;
  const externalTraffic = readExternalTraffic(spec.field('externalTrafficPolicy'), isAccessible);
  return {
    type,
    ports: readServicePorts(spec.field('ports'), type, cluster.isHeadless),
    selector,
    ...cluster,
    externalAddresses,
    loadBalancerAddresses: readLoadBalancerAddresses(status, type),
    loadBalancerSources: readLoadBalancerSources(spec.field('loadBalancerSourceRanges'), type),
    loadBalancerClass: readClass(spec.field('loadBalancerClass'), type),
    allocatesNodePorts: readAllocation(spec.field('allocateLoadBalancerNodePorts'), type),
    externalTraffic,
    internalTraffic: readInternalTraffic(spec.field('internalTrafficPolicy')),
    healthCheckNodePort: readHealthCheck(
      spec.field('healthCheckNodePort'),
      type === 'LoadBalancer' && externalTraffic === 'local',
    ),
    affinitySeconds: readAffinity(spec),
    publishesNotReady: spec.field('publishNotReadyAddresses').boolean() ?? false,
    trafficDistribution: readDistribution(spec.field('trafficDistribution')),
  };
}

function readExternalTraffic(field: ObjectValue, isAccessible: boolean): TrafficPolicy {
  if (isAccessible) return field.oneOfOr(['Cluster', 'Local'], 'Cluster') === 'Local' ? 'local' : 'cluster';
  if ((field.text() ?? '') !== '') field.invalid('may only be set for externally-accessible services');
  return 'cluster';
}

function readInternalTraffic(field: ObjectValue): TrafficPolicy {
  return field.isSet && field.oneOf(['Cluster', 'Local']) === 'Local' ? 'local' : 'cluster';
}

function readDistribution(field: ObjectValue): ServiceRecord['trafficDistribution'] {
  return field.isSet ? field.oneOf(trafficDistributions) : undefined;
}

function readAffinity(spec: ObjectValue): number | undefined {
  const config = spec.field('sessionAffinityConfig');
  config.allow(['clientIP']);
  config.field('clientIP').allow(['timeoutSeconds']);
  const timeout = config.field('clientIP').field('timeoutSeconds');
  const seconds = timeout.integer() ?? DEFAULT_AFFINITY_SECONDS;
  // Without it, the API server forgets the rest.
  if (spec.field('sessionAffinity').oneOfOr(['ClientIP', 'None'], 'None') === 'None') return undefined;
  if (seconds <= 0 || seconds > MAX_AFFINITY_SECONDS)
    timeout.invalid(`must be greater than 0 and less than ${MAX_AFFINITY_SECONDS}`);
  return seconds;
}

function readHealthCheck(field: ObjectValue, isNeeded: boolean): number | undefined {
  const port = field.integer() ?? 0;
  if (port === 0) return undefined;
  if (!isNeeded) field.invalid("may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'");
  else for (const problem of problemsOfPortNumber(port)) field.invalid(problem);
  return port;
}

function readClass(field: ObjectValue, type: ServiceType): string | undefined {
  const name = field.text();
  if (name === undefined) return undefined;
  if (type !== 'LoadBalancer') field.forbidden("may only be used when `type` is 'LoadBalancer'");
  else for (const problem of problemsOfLabelKey(name)) field.invalid(problem);
  return name;
}

function readSharingKey(annotations: ObjectValue, type: ServiceType): string | undefined {
  const field = annotations.entry(SHARING_ANNOTATION);
  const key = field.text() ?? '';
  if (key.length > MAX_SHARING_KEY) field.invalid(`must be no more than ${MAX_SHARING_KEY} characters`);
  return key === '' || type !== 'LoadBalancer' ? undefined : key;
}

function readAllocation(field: ObjectValue, type: ServiceType): boolean {
  const isWanted = field.boolean();
  if (type === 'LoadBalancer') return isWanted ?? true;
  if (isWanted !== undefined) field.forbidden("may only be used when `type` is 'LoadBalancer'");
  return type === 'NodePort';
}
