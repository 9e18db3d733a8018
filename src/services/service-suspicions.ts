/**
 * What services say that their authors hardly meant: a port has no pod behind it, an address of theirs is that of another service, or
 * there is no room for all of them. It is asked of pods as they are now, so that it may be meant for others.
 *
 * There may be thousands of services: all of it is found step by step, and whoever asks may do something else between two steps.
 */
import { formatEndpoint } from '../wire/address.ts';
import { mayBeUsed } from './reachable-backends.ts';
import { type Frontend, servicePortTitle } from './service-plan.ts';
import { backendLimit } from './service-room.ts';
import { type PlaceHolder, serviceKey, type ServicePlanner } from './service-planner.ts';
import type { ShownService, ServiceRecordPort } from './service-record.ts';

export interface ServiceSuspicion {
  readonly kind: 'no-backend' | 'address-taken' | 'cut';
  /** As `servicePortTitle` gives it. */
  readonly service: string;
  /** `80/tcp`, `10.96.0.7:80/tcp`, `node port 30080/tcp`. */
  readonly place: string;
  /** For people. */
  readonly text: string;
}

/** Labels of a selector that are named. */
const MAX_LABELS = 4;

/** In the order of the services. @returns `undefined` among them: nothing yet, after some work */
export function* suspicionsOfServices(
  services: Iterable<ShownService>,
  planner: Pick<ServicePlanner, 'backends' | 'refused' | 'cut'>,
): Generator<ServiceSuspicion | undefined, void> {
  for (const service of services) {
    yield;
    yield* portsWithoutBackend(service, planner);
    yield* takenPlaces(service, planner);
    yield* cutPorts(service, planner);
  }
}

/** Whoever selects no pods has none, and may mean that. */
function portsWithoutBackend(
  service: ShownService,
  planner: Pick<ServicePlanner, 'backends'>,
): readonly ServiceSuspicion[] {
  const { selector } = service;
  if (selector === undefined) return [];
  const backends = planner.backends(serviceKey(service));
  const hasNone = ({ name }: ServiceRecordPort): boolean => !(backends.get(name) ?? []).some(mayBeUsed);
  const whyNone = (port: ServiceRecordPort): string => {
    const unready = (backends.get(port.name) ?? []).length;
    if (unready > 0)
      return unready === 1 ? 'its only backend is not ready' : `none of its ${unready} backends is ready`;
    return `no pod of namespace ${service.namespace} ${wantedText(selector, port)}`;
  };
  const effect = (port: ServiceRecordPort): string => {
    if (!service.isHeadless) return `${port.protocol === 'UDP' ? 'datagrams' : 'connections'} are refused`;
    return backends.size === 0 ? 'its name stands for no address' : 'its name stands for pods without that port';
  };
  return service.ports.filter(hasNone).map((port) => ({
    kind: 'no-backend',
    service: servicePortTitle(service, port.name),
    place: portText(port),
    text: `${whyNone(port)}: ${effect(port)}`,
  }));
}

/** `has app=web`, `with app=web has a port "http"`. */
function wantedText(selector: Readonly<Record<string, string>>, { targetPort }: ServiceRecordPort): string {
  const entries = Object.entries(selector).map(([key, value]) => `${key}=${value}`);
  const more = entries.length > MAX_LABELS ? ` and ${entries.length - MAX_LABELS} more labels` : '';
  const labels = `${entries.slice(0, MAX_LABELS).join(', ')}${more}`;
  return typeof targetPort === 'number' ? `has ${labels}` : `with ${labels} has a port ${JSON.stringify(targetPort)}`;
}

function takenPlaces(service: ShownService, planner: Pick<ServicePlanner, 'refused'>): readonly ServiceSuspicion[] {
  const found = new Map<string, ServiceSuspicion>();
  for (const { frontend, holder } of planner.refused(serviceKey(service))) {
    // An external address that is an address of the node as well goes to the same backends.
    if (frontend.service === holder.service) continue;
    const place = placeText(frontend, holder);
    const { service: title } = frontend;
    found.set(`${title} ${place}`, { kind: 'address-taken', service: title, place, text: `${holder.service} has it` });
  }
  return [...found.values()];
}

function cutPorts(
  service: ShownService,
  planner: Pick<ServicePlanner, 'backends' | 'cut'>,
): readonly ServiceSuspicion[] {
  const key = serviceKey(service);
  const cut = planner.cut(key);
  if (cut === undefined) return [];
  return service.ports.flatMap((port) => {
    const title = servicePortTitle(service, port.name);
    const usable = (planner.backends(key).get(port.name) ?? []).filter(mayBeUsed);
    const limit = backendLimit(cut, title, usable);
    if (limit === undefined) return [];
    return { kind: 'cut', service: title, place: portText(port), text: cutText(limit) };
  });
}

/** What there is no room for. @param limit as {@link backendLimit} gives it */
function cutText(limit: number): string {
  if (limit === 0) return 'left out: nobody reaches it';
  return `the first ${limit} backends of each family, by address, are used, and no others`;
}

/** Of two node ports, all addresses of the node are meant. */
function placeText(frontend: Frontend, holder: PlaceHolder): string {
  if (frontend.kind === 'node-port' && holder.kind === 'node-port') return `node port ${portText(frontend)}`;
  return `${formatEndpoint(frontend)}/${frontend.protocol.toLowerCase()}`;
}

function portText({ port, protocol }: Pick<ServiceRecordPort, 'port' | 'protocol'>): string {
  return `${port}/${protocol.toLowerCase()}`;
}
