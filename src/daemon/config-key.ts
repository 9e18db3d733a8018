/**
 * Every key of the configuration, once: schema, default, meaning. Flags, environment variables, checks and the reference
 * in `docs/configuration.md` follow from this table.
 *
 * To add a key: a row here, a line in `config.ts` that puts it into the config, a row in the reference.
 */
import * as v from 'valibot';
import { MAX_VNI } from '../wire/vxlan.ts';
import {
  MAX_PORT,
  choice,
  deviceName,
  directory,
  dnsLabel,
  endpointOrOff,
  integer,
  ipAddress,
  partialEndpoint,
  prefix,
  seed,
  socketPath,
  unicastMac,
} from './config-value.ts';

/** Smallest underlay MTU: an IPv4 host need not take more at once (RFC 791, section 3.1). */
const MIN_UNDERLAY_MTU_BYTES = 576;

/** One row. */
export interface ConfigKey<Schema extends v.GenericSchema = v.GenericSchema> {
  /** `scalar` and `list` may also be a flag and an environment variable, a list separated by commas; `table` may not. */
  readonly kind: 'scalar' | 'list' | 'table';
  readonly schema: Schema;
  /** As it would stand in a file. */
  readonly default?: string | readonly string[];
  /** What to say if the key is missing; without it, the key is optional. */
  readonly missing?: string;
  /** One line for `--help`. */
  readonly meaning: string;
}

const staticPeer = v.object({
  name: dnsLabel(),
  endpoint: partialEndpoint(),
  mac: unicastMac(),
  prefixes: v.array(prefix(), 'is not a list'),
});

/** Names of the keys that an entry of `staticPeers` has. All are needed. */
export const staticPeerKeys: readonly string[] = Object.keys(staticPeer.entries);

/** The table, by path. */
export const configKeys = {
  nodeName: key({ kind: 'scalar', schema: dnsLabel(), meaning: 'name of this node, unique in the network' }),
  networkName: key({ kind: 'scalar', schema: dnsLabel(), default: 'default', meaning: 'name of the network' }),
  'underlay.interface': key({
    kind: 'scalar',
    schema: v.optional(deviceName()),
    meaning: 'network device that leads to the other nodes',
  }),
  'underlay.address': key({
    kind: 'scalar',
    schema: v.optional(ipAddress()),
    meaning: 'address of this node that the other nodes reach',
  }),
  'underlay.mtu': key({
    kind: 'scalar',
    schema: v.optional(integer(MIN_UNDERLAY_MTU_BYTES, MAX_PORT)),
    meaning: 'largest packet between the nodes, in bytes',
  }),
  'vxlan.port': key({ kind: 'scalar', schema: integer(1, MAX_PORT), default: '4789', meaning: 'UDP port of VXLAN' }),
  'vxlan.vni': key({ kind: 'scalar', schema: integer(0, MAX_VNI), default: '42', meaning: 'VXLAN network identifier' }),
  'tun.device': key({ kind: 'scalar', schema: deviceName(), default: 'weft0', meaning: 'name of the TUN device' }),
  clusterPrefixes: key({
    kind: 'list',
    schema: v.array(prefix(), 'is not a list'),
    missing: "is missing: give the prefixes of the whole cluster's pods, such as [10.244.0.0/16]",
    meaning: "prefixes of the whole cluster's pods",
  }),
  nodePrefixes: key({
    kind: 'list',
    schema: v.array(prefix(), 'is not a list'),
    missing: "is missing: give this node's own part of clusterPrefixes, such as [10.244.1.0/24]",
    meaning: "prefixes of this node's pods",
  }),
  'gossip.port': key({
    kind: 'scalar',
    schema: integer(1, MAX_PORT),
    default: '7948',
    meaning: 'UDP and TCP port of gossip',
  }),
  'gossip.seeds': key({
    kind: 'list',
    schema: v.array(seed(), 'is not a list'),
    default: [],
    meaning: 'nodes to begin with, HOST or HOST:PORT',
  }),
  staticPeers: key({
    kind: 'table',
    schema: v.array(staticPeer, 'is not a list'),
    default: [],
    meaning: 'VTEPs that are not weft',
  }),
  stateDir: key({
    kind: 'scalar',
    schema: directory(),
    default: '/var/lib/weft',
    meaning: 'directory for identity and leases',
  }),
  'control.socket': key({
    kind: 'scalar',
    schema: socketPath(),
    default: '/run/weft/weft.sock',
    meaning: 'Unix socket for everything',
  }),
  'control.readOnlySocket': key({
    kind: 'scalar',
    schema: socketPath(),
    default: '/run/weft/weft-ro.sock',
    meaning: 'Unix socket for reading only',
  }),
  'metrics.address': key({
    kind: 'scalar',
    schema: endpointOrOff(),
    default: '127.0.0.1:9748',
    meaning: 'ADDRESS:PORT of the Prometheus metrics, or off',
  }),
  logLevel: key({
    kind: 'scalar',
    schema: choice(['debug', 'info', 'warn', 'error']),
    default: 'info',
    meaning: 'debug, info, warn or error',
  }),
} as const;

/** Path of a key: `vxlan.port`. */
export type ConfigPath = keyof typeof configKeys;

/** What the schemas give, by path. */
export type ConfigValues = { readonly [Path in ConfigPath]: v.InferOutput<(typeof configKeys)[Path]['schema']> };

/** Every path, in the order of the reference. */
export const configPaths = Object.keys(configKeys) as ConfigPath[];

/** Paths that may be given as a flag and as an environment variable. */
export const inlinePaths: readonly ConfigPath[] = configPaths.filter((path) => configKeys[path].kind !== 'table');

/** `vxlan.port` -> `vxlan-port`, without the two hyphens. */
export function flagOf(path: ConfigPath): string {
  return path.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`).replaceAll('.', '-');
}

/** `vxlan.port` -> `WEFT_VXLAN_PORT`. */
export function variableOf(path: ConfigPath): string {
  return `WEFT_${flagOf(path).replaceAll('-', '_').toUpperCase()}`;
}

function key<Schema extends v.GenericSchema>(row: ConfigKey<Schema>): ConfigKey<Schema> {
  return row;
}
