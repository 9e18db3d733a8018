/** The list of plugins that runtimes read (CNI 1.1, "Network configuration format"), and whether it is as weft wrote it. Pure but for a hash. */
import { createHash } from 'node:crypto';
import { WeftError } from '../errors.ts';
import { CniError } from './cni-error.ts';
import { parseConfig, PLUGIN_TYPE, type NetConf } from './net-conf.ts';

/** Spoken by the runtimes of today. Containerd 1.6 and podman 4.3 do not know 1.1.0. */
const CNI_VERSION = '1.0.0';

const NETWORK_NAME = 'weft';

/** Key with the origin and a hash of all the rest. Runtimes pass it over. */
const MARK = 'weft/origin';

/** Plugin that maps ports of the host. */
export const PORTMAP = 'portmap';

/** Made by weft, or given to it by a person. */
export type ConflistOrigin = 'generated' | 'given';

/** `edited`: somebody changed, or wrote, a list with weft's plugin in it; `foreign`: it has nothing to do with weft. */
export type ConflistState = ConflistOrigin | 'edited' | 'foreign';

/** What the network has to know of the node. */
export interface InstalledNetwork {
  readonly socket: string;
  readonly spool: string;
}

/** A network of others, behind whose plugins weft's is to stand. */
export interface OtherConflist {
  readonly text: string;
  readonly path: string;
  /** Name of weft's interface in each container. */
  readonly interface: string;
}

/** A list that a person wrote. */
export interface GivenConflist {
  readonly text: string;
  /** Where it is from, for messages. */
  readonly source: string;
}

type Fields = Readonly<Record<string, unknown>>;

/** A network with weft's plugin, and the one that maps ports if it is there. */
export function generatedConflist({ socket, spool }: InstalledNetwork, hasPortmap: boolean): object {
  const own = { type: PLUGIN_TYPE, socket, spool, capabilities: { ips: true, mac: true, dns: true } };
  const portmap = { type: PORTMAP, backend: 'nftables', capabilities: { portMappings: true } };
  return { cniVersion: CNI_VERSION, name: NETWORK_NAME, plugins: hasPortmap ? [own, portmap] : [own] };
}

/**
 * A network of others with weft's plugin as the last one of its chain. It keeps its name: what was attached before, and leases of its
 * addresses, are known by that.
 *
 * @throws WeftError `conflist-invalid`
 */
export function conflistAlongside(other: OtherConflist, { socket, spool }: InstalledNetwork): object {
  const document = parseObject(other.text);
  if (document === undefined) {
    const message = `${other.path}: it is not a JSON object, and weft is to be added to it`;
    throw new WeftError('conflist-invalid', message, { source: other.path });
  }
  const own = { type: PLUGIN_TYPE, socket, spool, alongside: other.interface };
  const { cniVersion, name, plugins, ...rest } = document;
  if (Array.isArray(plugins)) return { ...document, plugins: [...(plugins as unknown[]), own] };
  // A single plugin.
  return { cniVersion, name, plugins: [rest, own] };
}

/**
 * Checks a list that a person wrote.
 *
 * @param network absent: nobody was asked yet, and all else is looked at.
 * @throws WeftError `conflist-invalid`
 */
export function givenConflist({ text, source }: GivenConflist, network: InstalledNetwork | undefined): object {
  const invalid = (problem: string): WeftError =>
    new WeftError('conflist-invalid', `${source}: ${problem}`, { source });
  const document = parseObject(text);
  if (document === undefined) throw invalid('it is not a JSON object');
  const at = entriesOf(document).findIndex(({ type }) => type === PLUGIN_TYPE);
  if (at === -1) throw invalid(`plugins: none of them is ${PLUGIN_TYPE}`);
  const { cniVersion, name } = document;
  let conf: NetConf;
  try {
    conf = parseConfig({ ...entriesOf(document)[at], cniVersion, name });
  } catch (error) {
    throw error instanceof CniError ? invalid(error.message) : error;
  }
  for (const key of ['socket', 'spool'] as const) {
    if (network === undefined || conf[key] === network[key]) continue;
    throw invalid(`plugins[${at}].${key}: the daemon's is ${network[key]}, and not ${conf[key]}`);
  }
  return document;
}

/** As it is written, with its mark. */
export function formatConflist(document: object, origin: ConflistOrigin): string {
  const { [MARK]: _before, ...rest } = document as Fields;
  return `${JSON.stringify({ ...rest, [MARK]: markOf(rest, origin) }, undefined, 2)}\n`;
}

/** What a file is. Spaces and line feeds do not count. */
export function conflistState(text: string): ConflistState {
  const document = parseObject(text);
  // Somebody broke it while he changed it.
  if (document === undefined) return text.includes(MARK) ? 'edited' : 'foreign';
  const { [MARK]: mark, ...rest } = document;
  const origin = (['generated', 'given'] as const).find((one) => mark === markOf(rest, one));
  if (origin !== undefined) return origin;
  return mark !== undefined || pluginsNamedIn(text).includes(PLUGIN_TYPE) ? 'edited' : 'foreign';
}

/** Types of the plugins that a file of a runtime's directory names, a list of them or a single one, and of those that give addresses. */
export function pluginsNamedIn(text: string): string[] {
  const document = parseObject(text);
  if (document === undefined) return [];
  const entries = [document, ...entriesOf(document)];
  const all = [...entries, ...entries.map(({ ipam }) => ipam).filter((ipam) => isFields(ipam))];
  return all.flatMap(({ type }) => (typeof type === 'string' ? type : []));
}

function markOf(document: Fields, origin: ConflistOrigin): string {
  return `${origin} sha256:${createHash('sha256').update(JSON.stringify(document)).digest('hex')}`;
}

function entriesOf({ plugins }: Fields): Fields[] {
  return Array.isArray(plugins) ? plugins.filter((one) => isFields(one)) : [];
}

function parseObject(text: string): Fields | undefined {
  try {
    const document = JSON.parse(text) as unknown;
    return isFields(document) ? document : undefined;
  } catch {
    return undefined;
  }
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
