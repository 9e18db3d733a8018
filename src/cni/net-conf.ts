/** The configuration that a runtime writes to a plugin's standard input (CNI 1.1, "Section 1" and "Section 3"). */
import { INTERFACE_NAME_RULE, isInterfaceName } from '../api/interface-name.ts';
import { CniCode, CniError } from './cni-error.ts';
import { parseVersion, type CniVersion } from './cni-version.ts';
import { parseResult, type CniDns, type CniResult } from './cni-result.ts';

export interface NetConf {
  readonly cniVersion: CniVersion;
  /** Name of the network. */
  readonly name: string;
  /** Of the daemon. */
  readonly socket: string;
  /** Directory for removals that no daemon can be told of. */
  readonly spool: string;
  /** Another plugin that gives addresses; `undefined`: weft does. */
  readonly ipam: string | undefined;
  /** Wanted by the runtime, and else by the network. */
  readonly dns: CniDns | undefined;
  readonly addresses: readonly string[] | undefined;
  readonly mac: string | undefined;
  /** Name of an interface beside that of another network, whose result stays as it is; `undefined`: weft is the network. */
  readonly alongside: string | undefined;
  readonly prevResult: CniResult | undefined;
  /** For GC: the interfaces that are in use. `undefined`: nothing was said of them. */
  readonly validAttachments: readonly ValidAttachment[] | undefined;
}

export interface ValidAttachment {
  readonly containerId: string;
  readonly interface: string;
}

export const DEFAULT_SOCKET = '/run/weft/weft.sock';

/** In the default state directory of the daemon. */
export const DEFAULT_SPOOL = '/var/lib/weft/cni-spool';

/** Type of our plugin in a configuration, and name of the program. */
export const PLUGIN_TYPE = 'weft-cni';

/** What a runtime may write, in whatever version. */
const knownKeys: ReadonlySet<string> = new Set([
  'cniVersion',
  'cniVersions',
  'name',
  'type',
  'args',
  'capabilities',
  'disableCheck',
  'disableGC',
  'loadOnlyInlinedPlugins',
  'ipam',
  'dns',
  'runtimeConfig',
  'prevResult',
  'socket',
  'spool',
  'alongside',
]);

/** Of the specification. */
const NETWORK_NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]*$/;

type Fields = Readonly<Record<string, unknown>>;

/** The document. @throws CniError 6 if it is none */
export function decodeConfig(text: string): Fields {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (error) {
    throw new CniError(
      CniCode.undecodable,
      `the network configuration on standard input is not JSON: ${(error as Error).message}`,
    );
  }
  if (isFields(document)) return document;
  throw new CniError(CniCode.undecodable, 'the network configuration on standard input is not a JSON object');
}

/** @throws CniError 1, 2, 7 naming the key */
export function parseConfig(document: Fields): NetConf {
  const cniVersion = parseVersion(document['cniVersion']);
  // Names with a dot or a slash are of others, by the specification.
  const unknown = Object.keys(document).find((key) => !knownKeys.has(key) && !/[./]/.test(key));
  if (unknown !== undefined) {
    const value = JSON.stringify(document[unknown]);
    throw new CniError(
      CniCode.unsupportedField,
      `${unknown}: ${value} is in the network configuration, and weft-cni has no such key`,
    );
  }
  const name = document['name'];
  if (typeof name !== 'string' || !NETWORK_NAME.test(name))
    throw invalid(
      'name',
      `${JSON.stringify(name)} is no name for a network: letters, digits, dots, hyphens and underscores`,
    );
  const runtime = fields(document, 'runtimeConfig');
  return {
    cniVersion,
    name,
    socket: pathOf(document, 'socket') ?? DEFAULT_SOCKET,
    spool: pathOf(document, 'spool') ?? DEFAULT_SPOOL,
    ipam: ipamType(document),
    dns: runtimeDns(runtime) ?? networkDns(document),
    addresses: wantedAddresses(runtime),
    mac: textOf(runtime, 'mac', 'runtimeConfig.mac'),
    alongside: interfaceBeside(document),
    prevResult: document['prevResult'] === undefined ? undefined : parseResult(document['prevResult'], 'prevResult'),
    validAttachments: validAttachments(document),
  };
}

function interfaceBeside(document: Fields): string | undefined {
  const name = textOf(document, 'alongside', 'alongside');
  if (name === undefined) return undefined;
  if (!isInterfaceName(name))
    throw invalid('alongside', `${JSON.stringify(name)} is no name for an interface: ${INTERFACE_NAME_RULE}`);
  if (ipamType(document) !== undefined)
    throw invalid('ipam', 'cannot be given together with alongside: weft gives the addresses then');
  return name;
}

function ipamType(document: Fields): string | undefined {
  const ipam = fields(document, 'ipam');
  // Empty stands for none in configurations of other plugins.
  if (Object.keys(ipam).length === 0) return undefined;
  const type = ipam['type'];
  if (typeof type !== 'string' || type === '' || type.includes('/'))
    throw invalid('ipam.type', `${JSON.stringify(type)} is not the name of a plugin`);
  return type;
}

/** Capability `ips`: a list of addresses, with or without their lengths. */
function wantedAddresses(runtime: Fields): readonly string[] | undefined {
  const ips = texts(runtime, 'ips', 'runtimeConfig.ips');
  return ips === undefined || ips.length === 0 ? undefined : ips.map(withoutLength);
}

/** `10.244.1.2/24` -> `10.244.1.2`: a pod has its own address only. */
export function withoutLength(text: string): string {
  return text.split('/')[0]!;
}

/** Capability `dns`. */
function runtimeDns(runtime: Fields): CniDns | undefined {
  if (runtime['dns'] === undefined) return undefined;
  const dns = fields(runtime, 'dns', 'runtimeConfig.dns');
  return dnsOf({
    nameservers: texts(dns, 'servers', 'runtimeConfig.dns.servers'),
    search: texts(dns, 'searches', 'runtimeConfig.dns.searches'),
    options: texts(dns, 'options', 'runtimeConfig.dns.options'),
  });
}

function networkDns(document: Fields): CniDns | undefined {
  const dns = fields(document, 'dns');
  const domain = textOf(dns, 'domain', 'dns.domain');
  return dnsOf({
    nameservers: texts(dns, 'nameservers', 'dns.nameservers'),
    ...(domain !== undefined && { domain }),
    search: texts(dns, 'search', 'dns.search'),
    options: texts(dns, 'options', 'dns.options'),
  });
}

function dnsOf(dns: { readonly [Key in keyof CniDns]: CniDns[Key] | undefined }): CniDns | undefined {
  const said = Object.entries(dns).filter(([, value]) => value !== undefined && value.length > 0);
  return said.length === 0 ? undefined : Object.fromEntries(said);
}

function validAttachments(document: Fields): readonly ValidAttachment[] | undefined {
  const key = 'cni.dev/valid-attachments';
  const list = document[key];
  if (list === undefined) return undefined;
  if (!Array.isArray(list)) throw invalid(key, 'is not a list');
  return list.map((one: unknown, at): ValidAttachment => {
    const { containerID, ifname } = isFields(one) ? one : ({} as Fields);
    if (typeof containerID !== 'string' || typeof ifname !== 'string')
      throw invalid(`${key}[${at}]`, 'has no containerID and ifname');
    return { containerId: containerID, interface: ifname };
  });
}

function pathOf(document: Fields, key: string): string | undefined {
  const path = textOf(document, key, key);
  if (path === undefined || path.startsWith('/')) return path;
  throw invalid(key, `${JSON.stringify(path)} is not an absolute path`);
}

function fields(document: Fields, key: string, path = key): Fields {
  const value = document[key];
  if (value === undefined || value === null) return {};
  if (isFields(value)) return value;
  throw invalid(path, 'is not an object');
}

function textOf(document: Fields, key: string, path: string): string | undefined {
  const value = document[key];
  if (value === undefined || value === '') return undefined;
  if (typeof value === 'string') return value;
  throw invalid(path, 'is not text');
}

function texts(document: Fields, key: string, path: string): readonly string[] | undefined {
  const value = document[key];
  if (value === undefined || value === null) return undefined;
  if (Array.isArray(value) && value.every((one): one is string => typeof one === 'string')) return value;
  throw invalid(path, 'is not a list of texts');
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function invalid(path: string, problem: string): CniError {
  return new CniError(CniCode.invalidConfig, `${path}: ${problem}`);
}
