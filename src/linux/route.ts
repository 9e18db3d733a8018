/** Routes of the main table, as `ip -json route` shows them. */
import { runJsonCommand } from './command.ts';
import { ROUTE_PROTOCOL } from './iproute.ts';

/** One route. Only what weft reads; `ip` writes more. */
export interface KernelRoute {
  readonly family: 4 | 6;
  /** `unicast`, `blackhole`, `unreachable`, … */
  readonly type: string;
  /** Prefix, address without a length, or `default`. */
  readonly dst: string;
  readonly dev?: string;
  /** Next hop; absent: the destination itself. */
  readonly gateway?: string;
  /** What this host sends from. */
  readonly source?: string;
  readonly metric: number;
  /** Number of who made the route: 87 is weft, 2 the kernel, 3 `ip` without more. */
  readonly protocol: number;
}

interface RouteDocument {
  readonly type?: string;
  readonly dst: string;
  readonly dev?: string;
  readonly gateway?: string;
  readonly prefsrc?: string;
  readonly metric?: number;
  /** Left out of the list of a filter by protocol, for IPv6. */
  readonly protocol?: string;
}

/** Routes of both families in the main table of the caller's network namespace, or of weft's alone. */
export async function listRoutes(whose: 'all' | 'ours'): Promise<KernelRoute[]> {
  const filter = whose === 'ours' ? ['proto', String(ROUTE_PROTOCOL)] : [];
  const lists = ([4, 6] as const).map(async (family) => {
    // -Numeric: a number, whatever /etc/iproute2/rt_protos calls it.
    const argv = ['ip', `-${family}`, '-details', '-Numeric', '-json', 'route', 'show', 'table', 'main', ...filter];
    const documents = await runJsonCommand<RouteDocument[]>(argv, { purpose: `list the IPv${family} routes` });
    return documents.map((document) => kernelRoute(family, document, whose));
  });
  return (await Promise.all(lists)).flat();
}

/** `ip -batch` line that deletes exactly this route. */
export function deleteRouteLine(route: KernelRoute): string {
  const type = route.type === 'unicast' ? '' : `${route.type} `;
  // The device of a blackhole is a courtesy of `ip`, and IPv6 refuses it in a request.
  const device = route.dev === undefined || type !== '' ? '' : ` dev ${route.dev}`;
  const family = route.family === 6 && route.dst === 'default' ? '::/0' : route.dst;
  return `route delete ${type}${family}${device} metric ${route.metric} proto ${route.protocol}`;
}

function kernelRoute(family: 4 | 6, document: RouteDocument, whose: 'all' | 'ours'): KernelRoute {
  return {
    family,
    type: typeName(document.type ?? 'unicast'),
    dst: document.dst,
    ...(document.dev !== undefined && { dev: document.dev }),
    ...(document.gateway !== undefined && { gateway: document.gateway }),
    ...(document.prefsrc !== undefined && { source: document.prefsrc }),
    metric: document.metric ?? 0,
    protocol: whose === 'ours' ? ROUTE_PROTOCOL : Number(document.protocol),
  };
}

function typeName(type: string): string {
  return { '1': 'unicast', '6': 'blackhole', '7': 'unreachable' }[type] ?? type;
}
