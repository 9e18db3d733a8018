/** Services as text. Pure. */
import type { ListedBackend, ListedService, ListedServicePort, ServicesReport } from '../api/service-api.ts';
import { printable } from '../terminal/printable.ts';
import { type Cell, formatTable, hanging, toned, wrap } from '../terminal/table.ts';
import { paint, type Terminal } from '../terminal/terminal.ts';

const columns = [
  { title: 'SERVICE', wraps: true },
  { title: 'TYPE' },
  { title: 'ADDRESS' },
  { title: 'PORT' },
  { title: 'BACKENDS', align: 'right' },
  { title: 'CONNECTIONS', align: 'right' },
] as const;

const backendColumns = [
  { title: 'PORT' },
  { title: 'BACKEND' },
  { title: 'POD', wraps: true },
  { title: 'NODE' },
  { title: 'CONNECTIONS', align: 'right' },
] as const;

/** A row for each, and what went nowhere below them. */
export function formatServices({ node, services, refused, notices }: ServicesReport, terminal: Terminal): string {
  if (services.length === 0) return `no services\n${formatNotices(notices, terminal)}`;
  const rows = services.map((service): readonly Cell[] => {
    const { ports } = service;
    return [
      `${service.namespace}/${service.name}`,
      service.headless ? 'headless' : service.type,
      service.headless
        ? ''
        : [
            ...service.clusterAddresses,
            ...service.externalAddresses,
            ...service.loadBalancerAddresses.map(({ address }) => address),
          ],
      ports.map(portText),
      toned(ports.map(countText), ports.some(({ backends }) => backends.length === 0) ? 'warning' : undefined),
      ports.map(({ backends }) => connectionsText(backends)),
    ];
  });
  const footer = `CONNECTIONS: from or over ${node}, now; weft services NAME has the backends`;
  return [
    formatTable(columns, rows, terminal),
    '\n',
    ...wrap(footer, terminal.widthColumns ?? Infinity).map((line) => `${paint(line, 'faint', terminal)}\n`),
    ...refusedLines(node, refused, terminal),
    ...services.flatMap((service) => [...takenLines(service, terminal), ...cutLines(service, terminal)]),
    formatNotices(notices, terminal),
  ].join('');
}

/** One, with all its backends. */
export function formatService(service: ListedService, { node, notices }: ServicesReport, terminal: Terminal): string {
  const { namespace, name, clusterAddresses, externalAddresses, selector, ports, affinitySeconds, givenAt } = service;
  const selected = Object.entries(selector ?? {}).map(([key, value]) => `${key}=${value}`);
  const lines = [
    `service ${namespace}/${name}, ${service.headless ? 'headless' : service.type}`,
    ...(clusterAddresses.length > 0 ? [`  address   ${clusterAddresses.join(', ')}`] : []),
    ...(externalAddresses.length > 0 ? [`  external  ${externalAddresses.join(', ')}`] : []),
    ...service.loadBalancerAddresses.map(({ address, node: at }) => `  balancer  ${address}${announcerText(at)}`),
    `  selector  ${selected.length === 0 ? 'none' : selected.join(', ')}`,
    ...(affinitySeconds === null
      ? []
      : [`  affinity  a client keeps its backend until it is silent for ${affinitySeconds} s`]),
    ...(service.internalTraffic === 'local'
      ? [`  traffic   of pods and of the node to backends of ${node} alone`]
      : []),
    ...(service.externalTraffic === 'local' ? [`  traffic   from outside to backends of ${node} alone`] : []),
    ...(givenAt === null ? [] : [`  given     at ${givenAt.node}, ${givenAt.time}`]),
  ];
  const rows = ports.flatMap((port): (readonly Cell[])[] => {
    if (port.backends.length === 0)
      return [
        [portText(port), toned(service.headless ? 'none' : 'none: connections are refused', 'warning'), '', '', ''],
      ];
    return port.backends.map(({ address, port: target, pod, node: at, connections }) => [
      portText(port),
      address.includes(':') ? `[${address}]:${target}` : `${address}:${target}`,
      pod,
      at,
      connections ?? '',
    ]);
  });
  return [
    ...lines.map((line) => `${printable(line)}\n`),
    '\n',
    formatTable(backendColumns, rows, terminal),
    ...takenLines(service, terminal),
    ...cutLines(service, terminal),
    formatNotices(notices, terminal),
  ].join('');
}

function announcerText(node: string | null): string {
  if (node === null) return '';
  return node === '' ? ', announced by no node' : `, announced by ${node}`;
}

/** `http 80:8080/tcp, node port 30080` */
function portText({ name, protocol, port, targetPort, nodePort }: ListedServicePort): string {
  const target = targetPort === port ? '' : `:${targetPort}`;
  const at = nodePort === null ? '' : ` (node port ${nodePort})`;
  return `${name === '' ? '' : `${name} `}${port}${target}/${protocol.toLowerCase()}${at}`;
}

/** Backends of two families are counted once: most pods have both. */
function countText({ backends }: ListedServicePort): string {
  const pods = new Set(backends.map(({ node, pod, address }) => (pod === '' ? address : `${node} ${pod}`)));
  return String(pods.size);
}

function connectionsText(backends: readonly ListedBackend[]): string {
  if (backends.some(({ connections }) => connections === null)) return '';
  return String(backends.reduce((sum, { connections }) => sum + connections!, 0));
}

function refusedLines(
  node: string,
  { withoutBackend, withoutBackendHere, fromOthers }: ServicesReport['refused'],
  terminal: Terminal,
): string[] {
  const told = [
    ...(withoutBackend > 0 ? [`${withoutBackend} to ports without a backend`] : []),
    ...(withoutBackendHere > 0
      ? [`${withoutBackendHere} from outside, where the service keeps to backends of the node`]
      : []),
    ...(fromOthers > 0 ? [`${fromOthers} from addresses that a load balancer does not let in`] : []),
  ];
  return told.length === 0 ? [] : toLines(`connections refused at ${node}: `, told.join('; '), terminal);
}

/** What another service has. */
function takenLines({ namespace, name, ports }: ListedService, terminal: Terminal): string[] {
  return ports
    .flatMap(({ taken }) => taken)
    .flatMap(({ place, by }) => toLines('notice ', `${place} of ${namespace}/${name} is that of ${by}`, terminal));
}

/** What there is no room for. */
function cutLines({ namespace, name, ports }: ListedService, terminal: Terminal): string[] {
  return ports.flatMap((port) => {
    if (port.backendLimit === null) return [];
    const title = `${port.port}/${port.protocol.toLowerCase()} of ${namespace}/${name}`;
    const what =
      port.backendLimit === 0
        ? 'is left out'
        : `goes to the first ${port.backendLimit} backends of each family, by address`;
    return toLines('notice ', `${title} ${what}: there is no room for all of the service`, terminal);
  });
}

function formatNotices(notices: ServicesReport['notices'], terminal: Terminal): string {
  return notices.flatMap(({ message }) => toLines('notice ', message, terminal)).join('');
}

function toLines(start: string, text: string, terminal: Terminal): string[] {
  return hanging(start, printable(text), terminal).map((line) => `${paint(line, 'warning', terminal)}\n`);
}
