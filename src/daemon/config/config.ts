/**
 * The daemon's configuration: parsed once, here; everybody else gets values that are right.
 *
 * `config-key.ts` has the table of keys, `config-sources.ts` says which source counts, `config-check.ts` compares keys.
 */
import { resolve } from 'node:path';
import * as v from 'valibot';
import { ConfigError } from '../../errors.ts';
import type { PresetName } from '../../membership/parameters.ts';
import type { NameServerAddress } from '../../names/resolver-configuration.ts';
import type { AddressPool } from '../../services/address-pool.ts';
import type { Endpoint, IpAddress } from '../../wire/address.ts';
import type { Prefix } from '../../wire/prefix.ts';
import { asksKubernetes, contradictions, servicePrefixesOf } from './config-check.ts';
import { readConfigFile, type ConfigSteps } from './config-file.ts';
import { readOnlySocketPath } from './config-place.ts';
import { configKeys, configPaths, type ConfigKey, type ConfigPath, type ConfigValues } from './config-key.ts';
import type { CpuRange, HostAndPort } from './config-value.ts';
import { sourceOf, type ConfigSources, type SourcedValue } from './config-sources.ts';
import { unknownKeys } from './config-unknown.ts';
import { optionalFeatures, type OptionalFeature } from './optional-feature.ts';
import type { StaticPeer } from '../../routing/static-peer.ts';

/** A node to begin gossip with; `host` is an address or a DNS name. */
export type SeedHost = HostAndPort;

const BYTES_PER_MIB = 1_048_576;

/** How packets are forwarded: threads, and what they do without. */
export interface DataplaneConfig {
  /** 0: as many as suit the machine. */
  readonly workers: number;
  /** CPUs to run on; empty: any. */
  readonly cpus: readonly number[];
  readonly busyPollUs: number;
  /** What was switched off. */
  readonly without: readonly OptionalFeature[];
  /** DSCP of the outer header: that of the inner one, or always this. */
  readonly dscp: 'copy' | number;
}

/** What leaves under an address of this node, though it is not its own. */
export interface MasqueradeConfig {
  /** What would be dropped as `source-not-local` enters the overlay under this node's overlay address. */
  readonly intoOverlay: boolean;
  /** What pods, and others behind this node, send to VXLAN ports outside of the cluster may leave under its address. */
  readonly vxlan: boolean;
}

/** Where the API of Kubernetes is, and which of its nodes is this one. */
export interface KubernetesConfig {
  /** `undefined`: by the service account of the pod that the daemon runs in. */
  readonly kubeconfig: string | undefined;
  /** Where the server is; `undefined`: where the kubeconfig, or the environment of the pod, says. */
  readonly apiServer: HostAndPort | undefined;
  readonly nodeName: string;
}

/** What `docs/configuration.md` describes. Optional keys that were not given are `undefined`. */
export interface Config {
  /** That it was read from; `undefined`: flags and variables said it all. */
  readonly file: string | undefined;
  readonly nodeName: string;
  readonly networkName: string;
  readonly underlay: {
    readonly interface: string | undefined;
    readonly address: IpAddress | undefined;
    readonly mtuBytes: number | undefined;
  };
  readonly vxlan: { readonly port: number; readonly vni: number };
  readonly tun: { readonly device: string };
  readonly dataplane: DataplaneConfig;
  readonly pathMtu: { readonly probing: boolean; readonly outerFragmentation: boolean };
  /** Whether this node passes on packets between others. */
  readonly relay: boolean;
  /** Whether what is weft's in the kernel is put right at once, and not only with the audit of each minute. */
  readonly audit: { readonly watch: boolean };
  /** Whether faults may be injected. */
  readonly faults: boolean;
  readonly clusterPrefixes: readonly Prefix[];
  /** Of `ipam.mode: kubernetes` there are none until the API has told them. */
  readonly nodePrefixes: readonly Prefix[];
  readonly ipam: { readonly mode: 'static' | 'kubernetes' };
  /** `undefined`: the API of Kubernetes is not asked for anything. */
  readonly kubernetes: KubernetesConfig | undefined;
  readonly gossip: {
    readonly port: number;
    readonly seeds: readonly SeedHost[];
    /** How patient it is. */
    readonly preset: PresetName;
    /** File with the keys of the cluster; `undefined`: gossip is not authenticated. */
    readonly keyFile: string | undefined;
  };
  readonly staticPeers: readonly StaticPeer[];
  readonly stateDir: string;
  /** Whether it waits until another daemon of this node ends, and takes over from it. */
  readonly standby: boolean;
  /** That is there while it serves, or stands by; `undefined`: none. */
  readonly readyFile: string | undefined;
  readonly pods: {
    /** Of the names of namespaces that weft makes for pods. */
    readonly netnsPrefix: string;
    /** How long a pod has to be gone until its addresses are free, in ms; 0: they never are. */
    readonly freeAfterMs: number;
  };
  /** Names of pods and nodes, over DNS. */
  readonly names: {
    readonly enabled: boolean;
    /** Labels, in lower case. */
    readonly domain: readonly string[];
    readonly ttlSeconds: number;
    /** Whom to ask for other names; empty: those of /etc/resolv.conf. */
    readonly resolvers: readonly NameServerAddress[];
  };
  readonly services: {
    /** Whether this node translates what is for them. */
    readonly enabled: boolean;
    /** From which services get their addresses; in Kubernetes, none unless they are given. */
    readonly prefixes: readonly Prefix[];
    /** From which services of type LoadBalancer get theirs. */
    readonly pools: readonly AddressPool[];
  };
  readonly control: { readonly socket: string; readonly readOnlySocket: string };
  /** What other nodes of the cluster may capture here. */
  readonly capture: {
    readonly remote: boolean;
    /** Of all of them together, in bytes per second. */
    readonly remoteRateBytes: number;
    /** Of each, in bytes. */
    readonly remoteSizeBytes: number;
  };
  /** What is remembered of packets; 0: nothing. */
  readonly recorder: { readonly sizeBytes: number };
  /** `undefined`: no metrics server. */
  readonly metrics: { readonly address: Endpoint | undefined; readonly hostNames: readonly string[] };
  readonly masquerade: MasqueradeConfig;
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error';
  readonly log: { readonly format: 'auto' | 'json' | 'text' };
}

const BYTES_PER_MB = 1_000_000;

const MS_PER_MINUTE = 60_000;

/** Where to look. */
export interface ConfigInput {
  /** YAML file; without one, flags and environment must say it all. */
  readonly file?: string;
  /** By key path: `{ 'vxlan.port': '4790' }`. */
  readonly flags: Readonly<Record<string, string | undefined>>;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Needed keys may be missing and are then empty. For `weft reset`, which needs none of them. */
  readonly allowMissing?: boolean;
}

/** One thing that is wrong; `origin` is a file and line, a flag or a variable. */
export interface ConfigProblem {
  readonly origin: string;
  readonly path: string;
  readonly problem: string;
}

/**
 * Reads the configuration: flag over environment over file over default.
 *
 * @throws ConfigError with every problem, one per line (`weft.yaml:12: vxlan.vni: 16777216 is larger than 16777215`), and
 *   all of them in `details.problems`.
 */
export function loadConfig(input: ConfigInput): Config {
  const file = input.file === undefined ? undefined : readConfigFile(input.file);
  const sources: ConfigSources = { file, flags: input.flags, env: input.env };
  const sourced = new Map(configPaths.map((path) => [path, sourceOf(path, sources)]));
  const problems: ConfigProblem[] = unknownKeys(file?.root ?? {}).map(({ steps, problem }) => ({
    origin: file!.origin(steps),
    path: formatSteps(steps),
    problem,
  }));
  const values: Record<string, unknown> = {};
  for (const [path, source] of sourced) {
    const result = parseValue(path, source, input.allowMissing === true || mayBeMissing(path, sourced));
    values[path] = result.value;
    problems.push(...result.problems);
  }
  refuseIfAny(problems);
  const parsed = values as unknown as ConfigValues;
  // Without the needed keys there is nothing to compare with.
  if (input.allowMissing !== true) {
    const contradicting = contradictions(parsed).map(({ path, below, problem }) =>
      problemAt(path, sourced.get(path)!, below, problem),
    );
    refuseIfAny(contradicting);
  }
  return configOf(parsed, input.file);
}

/** Whether another key says so. */
function mayBeMissing(path: ConfigPath, sourced: ReadonlyMap<ConfigPath, SourcedValue>): boolean {
  const { mayBeMissing: condition }: ConfigKey = configKeys[path];
  return condition !== undefined && sourced.get(condition.where as ConfigPath)?.input === condition.is;
}

function parseValue(path: ConfigPath, source: SourcedValue, allowMissing: boolean) {
  const key = configKeys[path];
  const { input } = source;
  const isMissing = input === undefined || (Array.isArray(input) && input.length === 0);
  if (key.missing !== undefined && isMissing) {
    return { value: [], problems: allowMissing ? [] : [problemAt(path, source, [], key.missing)] };
  }
  if (input === null) return { value: undefined, problems: [problemAt(path, source, [], 'has no value')] };
  const result = v.safeParse<v.GenericSchema>(key.schema, input);
  if (result.success) return { value: result.output, problems: [] };
  const problems = result.issues.map((issue) => {
    const below = (issue.path ?? []).map((step) => step.key as string | number);
    const isAbsent = issue.type === 'object' && issue.expected !== 'Object';
    return problemAt(path, source, below, isAbsent ? 'is missing' : issue.message);
  });
  return { value: undefined, problems };
}

function problemAt(path: ConfigPath, source: SourcedValue, below: ConfigSteps, problem: string): ConfigProblem {
  return { origin: source.origin(below), path: formatSteps([...path.split('.'), ...below]), problem };
}

function refuseIfAny(problems: readonly ConfigProblem[]): void {
  if (problems.length === 0) return;
  const lines = problems.map(({ origin, path, problem }) => `${origin === '' ? '' : `${origin}: `}${path}: ${problem}`);
  throw new ConfigError('', lines.join('\n'), { path: problems[0]!.path, problems });
}

/** `['staticPeers', 0, 'mac']` -> `staticPeers[0].mac`. */
function formatSteps(steps: ConfigSteps): string {
  return steps.map((step, at) => (typeof step === 'number' ? `[${step}]` : `${at === 0 ? '' : '.'}${step}`)).join('');
}

function configOf(values: ConfigValues, file: string | undefined): Config {
  const vxlanPort = values['vxlan.port'];
  const gossipPort = values['gossip.port'];
  const isAsked = asksKubernetes(values);
  return {
    file: file === undefined ? undefined : resolve(file),
    nodeName: values.nodeName,
    networkName: values.networkName,
    underlay: {
      interface: values['underlay.interface'],
      address: values['underlay.address'],
      mtuBytes: values['underlay.mtu'],
    },
    vxlan: { port: vxlanPort, vni: values['vxlan.vni'] },
    tun: { device: values['tun.device'] },
    dataplane: {
      workers: values['dataplane.workers'],
      cpus: [...new Set(values['dataplane.cpus'].flatMap(cpusOf))],
      busyPollUs: values['dataplane.busyPollUs'],
      without: optionalFeatures.filter((feature) => !values[`dataplane.${feature}`]),
      dscp: values['dataplane.dscp'],
    },
    pathMtu: { probing: values['pathMtu.probing'], outerFragmentation: values['pathMtu.outerFragmentation'] },
    relay: values.relay,
    audit: { watch: values['audit.watch'] },
    faults: values.faults,
    clusterPrefixes: values.clusterPrefixes,
    nodePrefixes: values.nodePrefixes,
    ipam: { mode: values['ipam.mode'] },
    kubernetes: isAsked
      ? {
          kubeconfig: values['kubernetes.kubeconfig'],
          apiServer: values['kubernetes.apiServer'],
          nodeName: values['kubernetes.nodeName'] ?? values.nodeName,
        }
      : undefined,
    gossip: {
      port: gossipPort,
      seeds: values['gossip.seeds'].map(({ host, port }) => ({ host, port: port ?? gossipPort })),
      preset: values['gossip.preset'],
      keyFile: values['gossip.authentication'] ? values['gossip.keyFile'] : undefined,
    },
    staticPeers: values.staticPeers.map(({ name, endpoint, mac, prefixes, mtu }) => ({
      name,
      endpoint: { address: endpoint.address, port: endpoint.port ?? vxlanPort },
      mac,
      prefixes,
      mtuBytes: mtu,
    })),
    stateDir: values.stateDir,
    standby: values.standby,
    readyFile: values.readyFile,
    pods: {
      netnsPrefix: values['pods.netnsPrefix'] ?? '',
      freeAfterMs: values['pods.freeAfterMinutes'] * MS_PER_MINUTE,
    },
    names: {
      enabled: values['names.enabled'],
      domain: values['names.domain'],
      ttlSeconds: values['names.ttlSeconds'],
      resolvers: values['names.resolvers'],
    },
    services: {
      enabled: values['services.enabled'] === 'auto' ? !isAsked : values['services.enabled'] === 'on',
      prefixes: servicePrefixesOf(values),
      pools: values['services.pools'],
    },
    control: {
      socket: values['control.socket'],
      readOnlySocket: values['control.readOnlySocket'] ?? readOnlySocketPath(values['control.socket']),
    },
    capture: {
      remote: values['capture.remote'],
      remoteRateBytes: values['capture.remoteRate'] * BYTES_PER_MB,
      remoteSizeBytes: values['capture.remoteSize'] * BYTES_PER_MB,
    },
    recorder: { sizeBytes: values['recorder.size'] * BYTES_PER_MIB },
    metrics: { address: values['metrics.address'].endpoint, hostNames: values['metrics.hostNames'] },
    masquerade: { intoOverlay: values['masquerade.intoOverlay'], vxlan: values['masquerade.vxlan'] },
    logLevel: values.logLevel,
    log: { format: values['log.format'] },
  };
}

function cpusOf({ first, last }: CpuRange): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}
