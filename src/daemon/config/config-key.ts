/**
 * Every key of the configuration, once: schema, default, meaning. Flags, environment variables, checks and the reference
 * in `docs/configuration.md` follow from this table.
 *
 * To add a key: a row here, a line in `config.ts` that puts it into the config, a row in the reference.
 */
import * as v from 'valibot';
import { OVERHEAD_BYTES } from '../../dataplane/encapsulation.ts';
import { MAX_MTU_BYTES } from '../../membership/limits.ts';
import { GOSSIP_PORT, presetNames } from '../../membership/parameters.ts';
import { MAX_PORT } from '../../wire/udp.ts';
import { MAX_VNI, VXLAN_PORT } from '../../wire/vxlan.ts';
import { DEFAULT_DOMAIN } from '../../names/domain-name.ts';
import { DEFAULT_SOCKET, DEFAULT_STATE_DIR, DEFAULT_TUN_DEVICE } from './config-place.ts';
import {
  addressPool,
  choice,
  cpuRange,
  deviceName,
  directory,
  dnsLabel,
  domainName,
  dscpOrCopy,
  endpointOrOff,
  file,
  hostAndPort,
  hostName,
  integer,
  ipAddress,
  kubernetesName,
  onOrOff,
  partialEndpoint,
  prefix,
  seed,
  serverAddress,
  namePrefix,
  socketPath,
  unicastMac,
} from './config-value.ts';

/** Smallest underlay MTU: an IPv4 host need not take more at once (RFC 791, section 3.1). */
const MIN_UNDERLAY_MTU_BYTES = 576;

/** What is left of it, to a static peer: 50 bytes are VXLAN's. */
const MIN_OVERLAY_MTU_BYTES = MIN_UNDERLAY_MTU_BYTES - OVERHEAD_BYTES[4];

/** Most workers that may be asked for: more than there are queues worth having on any machine. */
const MAX_WORKERS = 64;

/** Largest limit of captures, in MB: beyond it there is none. */
const MAX_CAPTURE_MB = 1_000_000;

/** Largest flight recorder, in MiB: to read more takes seconds. */
const MAX_RECORDER_MIB = 1024;

/** Longest that addresses of a pod that is gone are kept, in minutes: a month. */
const MAX_FREE_AFTER_MINUTES = 43_200;

/** Longest that answers of names may hold, in seconds: addresses of pods that are gone are given out again after some minutes. */
const MAX_NAMES_TTL_SECONDS = 300;

/** Longest busy polling, in microseconds: beyond it, a worker never sleeps while there is any traffic at all. */
const MAX_BUSY_POLL_US = 100_000;

/** One row. */
export interface ConfigKey<Schema extends v.GenericSchema = v.GenericSchema> {
  /** `scalar` and `list` may also be a flag and an environment variable, a list separated by commas; `table` may not. */
  readonly kind: 'scalar' | 'list' | 'table';
  readonly schema: Schema;
  /** As it would stand in a file. */
  readonly default?: string | readonly string[];
  /** What to say if the key is missing; without it, the key is optional. */
  readonly missing?: string;
  /** It may be missing where another key has this value. */
  readonly mayBeMissing?: { readonly where: string; readonly is: string };
  /** One line for `--help`. */
  readonly meaning: string;
}

const staticPeer = v.object({
  name: dnsLabel(),
  endpoint: partialEndpoint(),
  mac: unicastMac(),
  prefixes: v.array(prefix(), 'is not a list'),
  mtu: v.optional(integer(MIN_OVERLAY_MTU_BYTES, MAX_MTU_BYTES)),
});

/** Names of the keys that an entry of `staticPeers` has. All but `mtu` are needed. */
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
    schema: v.optional(integer(MIN_UNDERLAY_MTU_BYTES, MAX_MTU_BYTES)),
    meaning: 'largest packet between the nodes, in bytes',
  }),
  'vxlan.port': key({
    kind: 'scalar',
    schema: integer(1, MAX_PORT),
    default: String(VXLAN_PORT),
    meaning: 'UDP port of VXLAN',
  }),
  'vxlan.vni': key({ kind: 'scalar', schema: integer(0, MAX_VNI), default: '42', meaning: 'VXLAN network identifier' }),
  'tun.device': key({
    kind: 'scalar',
    schema: deviceName(),
    default: DEFAULT_TUN_DEVICE,
    meaning: 'name of the TUN device',
  }),
  'dataplane.workers': key({
    kind: 'scalar',
    schema: integer(0, MAX_WORKERS),
    default: '0',
    meaning: 'threads that forward; 0: one per two CPUs, at most four',
  }),
  'dataplane.cpus': key({
    kind: 'list',
    schema: v.array(cpuRange(), 'is not a list'),
    default: [],
    meaning: 'CPUs that they run on, such as 0-1,3; none: any',
  }),
  'dataplane.busyPollUs': key({
    kind: 'scalar',
    schema: integer(0, MAX_BUSY_POLL_US),
    default: '0',
    meaning: 'how long a worker looks again before it sleeps, in microseconds',
  }),
  'dataplane.tunOffloads': key({
    kind: 'scalar',
    schema: onOrOff(),
    default: 'on',
    meaning: 'super-packets and partial checksums from and to the TUN device: on or off',
  }),
  'dataplane.udpSegmentation': key({
    kind: 'scalar',
    schema: onOrOff(),
    default: 'on',
    meaning: 'several datagrams in one send (UDP_SEGMENT): on or off',
  }),
  'dataplane.udpCoalescing': key({
    kind: 'scalar',
    schema: onOrOff(),
    default: 'on',
    meaning: 'several datagrams in one receive (UDP_GRO): on or off',
  }),
  'dataplane.coalescing': key({
    kind: 'scalar',
    schema: onOrOff(),
    default: 'on',
    meaning: 'joining received segments to super-packets: on or off',
  }),
  'dataplane.remoteChecksum': key({
    kind: 'scalar',
    schema: onOrOff(),
    default: 'on',
    meaning: 'partial checksums between nodes that agree on it: on or off',
  }),
  'dataplane.ecn': key({
    kind: 'scalar',
    schema: onOrOff(),
    default: 'on',
    meaning: 'congestion marks between inner and outer header (RFC 6040): on or off',
  }),
  'dataplane.dscp': key({
    kind: 'scalar',
    schema: dscpOrCopy(),
    default: 'copy',
    meaning: 'DSCP of the outer header: copy, or 0 to 63',
  }),
  'pathMtu.probing': key({
    kind: 'scalar',
    schema: onOrOff(),
    default: 'on',
    meaning: 'probes that find path MTU, round trip and loss towards each node: on or off',
  }),
  'pathMtu.outerFragmentation': key({
    kind: 'scalar',
    schema: onOrOff(),
    default: 'on',
    meaning: 'outer fragments where a path is too small for IPv6 packets of 1280 bytes: on or off',
  }),
  relay: key({
    kind: 'scalar',
    schema: onOrOff(),
    default: 'on',
    meaning: 'passing on packets between nodes that do not reach each other: on or off',
  }),
  'audit.watch': key({
    kind: 'scalar',
    schema: onOrOff(),
    default: 'on',
    meaning: 'putting right at once what somebody takes from weft in the kernel, and not only once a minute: on or off',
  }),
  faults: key({
    kind: 'scalar',
    schema: onOrOff(),
    default: 'off',
    meaning: 'faults that are injected into traffic, for labs and tests: on or off',
  }),
  clusterPrefixes: key({
    kind: 'list',
    schema: v.array(prefix(), 'is not a list'),
    missing: "is missing: give the prefixes of the whole cluster's pods, such as [10.244.0.0/16]",
    meaning: "prefixes of the whole cluster's pods",
  }),
  nodePrefixes: key({
    kind: 'list',
    schema: v.array(prefix(), 'is not a list'),
    missing:
      "is missing: give this node's own part of clusterPrefixes, such as [10.244.1.0/24], or set ipam.mode to kubernetes",
    mayBeMissing: { where: 'ipam.mode', is: 'kubernetes' },
    meaning: "prefixes of this node's pods",
  }),
  'ipam.mode': key({
    kind: 'scalar',
    schema: choice(['static', 'kubernetes']),
    default: 'static',
    meaning: 'where the prefixes of this node come from: static, from nodePrefixes; kubernetes, from its Node object',
  }),
  'kubernetes.enabled': key({
    kind: 'scalar',
    schema: v.optional(onOrOff()),
    meaning: 'nodes and pods are watched in the Kubernetes API: on or off; default: on where ipam.mode is kubernetes',
  }),
  'kubernetes.kubeconfig': key({
    kind: 'scalar',
    schema: v.optional(file()),
    meaning: 'how to reach the API; default: by the service account of the pod that this runs in',
  }),
  'kubernetes.apiServer': key({
    kind: 'scalar',
    schema: v.optional(hostAndPort()),
    meaning: 'HOST:PORT where the API is reached, in place of what kubeconfig or service account say',
  }),
  'kubernetes.nodeName': key({
    kind: 'scalar',
    schema: v.optional(kubernetesName()),
    meaning: 'name of the Node object of this node; default: nodeName',
  }),
  'gossip.port': key({
    kind: 'scalar',
    schema: integer(1, MAX_PORT),
    default: String(GOSSIP_PORT),
    meaning: 'UDP and TCP port of gossip',
  }),
  'gossip.seeds': key({
    kind: 'list',
    schema: v.array(seed(), 'is not a list'),
    default: [],
    meaning: 'nodes to begin with, HOST or HOST:PORT',
  }),
  'gossip.preset': key({
    kind: 'scalar',
    schema: choice(presetNames),
    default: 'lan',
    meaning: `how patient gossip is, the same on all nodes: ${presetNames.join(', ')}`,
  }),
  'gossip.authentication': key({
    kind: 'scalar',
    schema: onOrOff(),
    default: 'on',
    meaning: 'only nodes with a key of the cluster are heard, and nobody else reads along: on or off',
  }),
  'gossip.keyFile': key({
    kind: 'scalar',
    schema: v.optional(file()),
    meaning: 'file with the keys of the cluster, one per line, the first to seal with',
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
    default: DEFAULT_STATE_DIR,
    meaning: 'directory for identity and leases',
  }),
  standby: key({
    kind: 'scalar',
    schema: onOrOff(),
    default: 'off',
    meaning: 'with another daemon on this node, wait until that ends, and take over at once: on or off',
  }),
  readyFile: key({
    kind: 'scalar',
    schema: v.optional(file()),
    meaning: 'file that is there while the daemon serves, or stands by: for probes of a container',
  }),
  'pods.netnsPrefix': key({
    kind: 'scalar',
    schema: v.optional(namePrefix()),
    meaning: 'what the name of a namespace of pod add --new begins with, before the name of the pod',
  }),
  'pods.freeAfterMinutes': key({
    kind: 'scalar',
    schema: integer(0, MAX_FREE_AFTER_MINUTES),
    default: '10',
    meaning: 'how long a pod has to be gone before its addresses are free again, in minutes; 0: until pod rm',
  }),
  'names.enabled': key({
    kind: 'scalar',
    schema: onOrOff(),
    default: 'on',
    meaning: 'pods and nodes have names in DNS, which this node answers for its pods: on or off',
  }),
  'names.domain': key({
    kind: 'scalar',
    schema: domainName(),
    default: DEFAULT_DOMAIN,
    meaning: 'domain of these names, the same on all nodes',
  }),
  'names.ttlSeconds': key({
    kind: 'scalar',
    schema: integer(0, MAX_NAMES_TTL_SECONDS),
    default: '5',
    meaning: 'how long an answer may be kept, in seconds',
  }),
  'names.resolvers': key({
    kind: 'list',
    schema: v.array(serverAddress(), 'is not a list'),
    default: [],
    meaning: 'servers to ask for all other names, ADDRESS or ADDRESS:PORT; none: those of /etc/resolv.conf',
  }),
  'services.enabled': key({
    kind: 'scalar',
    schema: choice(['auto', 'on', 'off']),
    default: 'auto',
    meaning:
      'services are reached through this node: on, off, or auto, which is off in Kubernetes, where kube-proxy is',
  }),
  'services.prefixes': key({
    kind: 'list',
    schema: v.optional(v.array(prefix(), 'is not a list')),
    meaning:
      'prefixes from which services get their addresses, the same on all nodes; default: 10.96.0.0/16,fd00:10:96::/112, in Kubernetes none',
  }),
  'services.pools': key({
    kind: 'list',
    schema: v.array(addressPool(), 'is not a list'),
    default: [],
    meaning:
      'addresses that services of type LoadBalancer get, PREFIX or FIRST-LAST, the same on all nodes; none: nobody gets one',
  }),
  'control.socket': key({
    kind: 'scalar',
    schema: socketPath(),
    default: DEFAULT_SOCKET,
    meaning: 'Unix socket for everything',
  }),
  'control.readOnlySocket': key({
    kind: 'scalar',
    schema: v.optional(socketPath()),
    meaning: 'Unix socket for reading only; default: beside control.socket, with -ro in its name',
  }),
  'capture.remote': key({
    kind: 'scalar',
    schema: onOrOff(),
    default: 'off',
    meaning: 'other nodes of the cluster may capture the packets of this one: on or off',
  }),
  'capture.remoteRate': key({
    kind: 'scalar',
    schema: integer(1, MAX_CAPTURE_MB),
    default: '16',
    meaning: 'what captures of other nodes may send together, in MB/s',
  }),
  'capture.remoteSize': key({
    kind: 'scalar',
    schema: integer(1, MAX_CAPTURE_MB),
    default: '1024',
    meaning: 'where a capture of another node ends, in MB',
  }),
  'recorder.size': key({
    kind: 'scalar',
    schema: integer(0, MAX_RECORDER_MIB),
    default: '16',
    meaning: 'memory of the flight recorder, in MiB; 0: none',
  }),
  'metrics.address': key({
    kind: 'scalar',
    schema: endpointOrOff(),
    default: '127.0.0.1:9748',
    meaning: 'ADDRESS:PORT of the Prometheus metrics, or off',
  }),
  'metrics.hostNames': key({
    kind: 'list',
    schema: v.array(hostName(), 'is not a list'),
    default: [],
    meaning: 'names by which metrics may be asked for, beside addresses, localhost and the name of this host',
  }),
  'masquerade.intoOverlay': key({
    kind: 'scalar',
    schema: onOrOff(),
    default: 'on',
    meaning:
      "packets from elsewhere, or from another address of this node, enter the overlay under the node's: on or off",
  }),
  'masquerade.vxlan': key({
    kind: 'scalar',
    schema: onOrOff(),
    default: 'off',
    meaning: "pods may send to VXLAN ports outside of the cluster, under this node's address: on or off",
  }),
  logLevel: key({
    kind: 'scalar',
    schema: choice(['debug', 'info', 'warn', 'error']),
    default: 'info',
    meaning: 'debug, info, warn or error',
  }),
  'log.format': key({
    kind: 'scalar',
    schema: choice(['auto', 'json', 'text']),
    default: 'auto',
    meaning: 'how the log is written: json, text, or auto, which is text on a terminal',
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
