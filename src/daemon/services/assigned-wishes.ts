/** Services that are given to the cluster get what it assigns: the object that is spread has addresses and node ports. */
import { ConflictError } from '../../errors.ts';
import type { RulebookWish } from '../../rulebook/rulebook.ts';
import { readService } from '../../services/read-service.ts';
import { assignTo, type Assignment, type AssignmentMeans } from '../../services/service-assignment.ts';
import { serviceKey } from '../../services/service-planner.ts';
import type { ServiceRecord } from '../../services/service-record.ts';
import { formatIpAddress } from '../../wire/address.ts';
import { objectText } from '../rulebook/give-request.ts';

/**
 * The same wishes with what is assigned.
 *
 * @param known services that there are, by their keys. @throws as {@link assignTo}
 */
export function withAssignments(
  wishes: readonly RulebookWish[],
  known: ReadonlyMap<string, ServiceRecord>,
  means: Omit<AssignmentMeans, 'others' | 'before'>,
): readonly RulebookWish[] {
  const services = wishes.filter(({ kind }) => kind === 'Service');
  const touched = new Set(services.map(serviceKey));
  // In the order of the request: each knows what those before it got.
  const others = [...known].flatMap(([key, record]) => (touched.has(key) ? [] : [record]));
  return wishes.map((wish) => {
    if (wish.kind !== 'Service' || wish.object === undefined) return wish;
    const object = JSON.parse(wish.object) as { readonly spec?: Readonly<Record<string, unknown>> };
    // It was read when the request came.
    const { service } = readService(object) as { readonly service: ServiceRecord };
    const assignment = assignTo(service, { ...means, others, before: known.get(serviceKey(service)) });
    const text = objectText(withAssignment(object, assignment));
    others.push((readService(JSON.parse(text)) as { readonly service: ServiceRecord }).service);
    return { ...wish, object: text };
  });
}

/** The same wishes, where weft has no services: none may be given. @throws ConflictError `services-of-others` */
export function withoutServices(wishes: readonly RulebookWish[]): readonly RulebookWish[] {
  if (wishes.some(({ kind, object }) => kind === 'Service' && object !== undefined))
    throw new ConflictError(
      'services-of-others',
      'weft has no services here: services.enabled is off; give the service at a node where it is on',
    );
  return wishes;
}

function withAssignment(
  object: { readonly spec?: Readonly<Record<string, unknown>> },
  { clusterAddresses, nodePorts, balancerAddresses }: Assignment,
): object {
  const ingress = balancerAddresses.map((address) => ({ ip: formatIpAddress(address), ipMode: 'VIP' }));
  const addresses = clusterAddresses.map(formatIpAddress);
  const ports = (object.spec?.['ports'] ?? []) as readonly object[];
  return {
    ...object,
    spec: {
      ...object.spec,
      ...(addresses.length > 0 && { clusterIP: addresses[0], clusterIPs: addresses }),
      ...(ports.length > 0 && {
        ports: ports.map((port, index) => ({
          ...port,
          ...(nodePorts[index] !== undefined && { nodePort: nodePorts[index] }),
        })),
      }),
    },
    // Whoever gives the object says nothing of it.
    status: ingress.length > 0 ? { loadBalancer: { ingress } } : undefined,
  };
}
