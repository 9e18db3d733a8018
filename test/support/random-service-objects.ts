/** Services as somebody may give them, at random: all that the API server takes, and much of it together. */
import type { SeededRandom } from '../../src/sim/seeded-random.ts';
import { pick } from './mutation.ts';

type Fields = Readonly<Record<string, unknown>>;

/** Without a status. */
export function randomServiceObject(random: SeededRandom): object {
  const type = pick(random, ['ClusterIP', 'NodePort', 'LoadBalancer']);
  const isHeadless = type === 'ClusterIP' && random.happens(0.3);
  const externalIPs = some(random, ['192.0.2.1', '2001:db8::1', '192.0.2.1']);
  const isAccessible = type !== 'ClusterIP' || externalIPs.length > 0;
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: {
      name: `s${random.below(100)}`,
      ...maybe(random, { namespace: 'shop' }),
      ...maybe(random, { labels: { app: 'web', 'example.com/tier': '' } }),
      ...maybe(random, { annotations: { 'weft.dev/Note': 'any text\n' } }),
    },
    spec: {
      ...(type === 'ClusterIP' ? maybe(random, { type }) : { type }),
      ...maybe(random, { selector: pick<Fields>(random, [{}, { app: 'web', tier: '' }, { constructor: 'x' }]) }),
      ...portsOf(random, type, isHeadless),
      ...addressesOf(random, isHeadless),
      ...(externalIPs.length > 0 && { externalIPs }),
      ...maybe(random, pick(random, [{ sessionAffinity: 'None' }, affinityOf(random)])),
      ...maybe(random, { internalTrafficPolicy: pick(random, ['Cluster', 'Local']) }),
      ...(isAccessible && maybe(random, { externalTrafficPolicy: 'Cluster' })),
      ...maybe(random, { trafficDistribution: pick(random, ['PreferClose', 'PreferSameZone', 'PreferSameNode']) }),
      ...maybe(random, { publishNotReadyAddresses: random.happens(0.5) }),
      ...(type === 'LoadBalancer' && balancerOf(random)),
    },
  };
}

function portsOf(random: SeededRandom, type: string, isHeadless: boolean): Fields {
  const count = (isHeadless ? 0 : 1) + random.below(3);
  const ports = Array.from({ length: count }, (_, index) => ({
    ...(count > 1 ? { name: `p-${index}` } : maybe(random, { name: '80' })),
    port: 1 + random.below(3) + 10 * index,
    ...maybe(random, { protocol: pick(random, ['TCP', 'UDP', 'SCTP']) }),
    ...maybe(random, { targetPort: pick<unknown>(random, [0, '', 'http', 8080]) }),
    ...(type !== 'ClusterIP' && maybe(random, { nodePort: 30_000 + index })),
    ...maybe(random, { appProtocol: 'kubernetes.io/h2c' }),
  }));
  return count === 0 ? maybe(random, { ports }) : { ports };
}

function addressesOf(random: SeededRandom, isHeadless: boolean): Fields {
  if (isHeadless) return { clusterIP: 'None', ...maybe(random, { clusterIPs: ['None'] }) };
  return pick<Fields>(random, [
    {},
    { clusterIP: '' },
    { clusterIP: '10.96.0.9', ipFamilies: ['IPv4'] },
    { clusterIP: 'fd00:96:0::9' },
    { ipFamilyPolicy: 'PreferDualStack', ipFamilies: ['IPv6'] },
    { clusterIP: 'fd00:96::9', clusterIPs: ['fd00:96::9', '10.96.0.9'], ipFamilyPolicy: 'RequireDualStack' },
  ]);
}

function affinityOf(random: SeededRandom): Fields {
  const timeoutSeconds = 1 + random.below(86_400);
  return { sessionAffinity: 'ClientIP', ...maybe(random, { sessionAffinityConfig: { clientIP: { timeoutSeconds } } }) };
}

function balancerOf(random: SeededRandom): Fields {
  return {
    ...maybe(random, { externalTrafficPolicy: 'Local', healthCheckNodePort: 31_000 }),
    ...maybe(random, { loadBalancerIP: '192.0.2.77' }),
    ...maybe(random, { loadBalancerClass: 'example.com/metal' }),
    ...maybe(random, { loadBalancerSourceRanges: some(random, ['203.0.113.0/24', ' 2001:db8::/32 ']) }),
    ...maybe(random, { allocateLoadBalancerNodePorts: random.happens(0.5) }),
  };
}

function maybe(random: SeededRandom, fields: Fields): Fields {
  return random.happens(0.5) ? fields : {};
}

function some<Value>(random: SeededRandom, all: readonly Value[]): readonly Value[] {
  return all.filter(() => random.happens(0.4));
}
