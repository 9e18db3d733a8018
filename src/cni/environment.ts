/** What a runtime says in environment variables (CNI 1.1, "Parameters"). */
import { CniCode, CniError } from './cni-error.ts';

export const cniVerbs = ['ADD', 'DEL', 'CHECK', 'GC', 'STATUS', 'VERSION'] as const;

export type CniVerb = (typeof cniVerbs)[number];

/** Which interface of which container a verb is about. */
export interface CniContainer {
  readonly containerId: string;
  readonly interface: string;
  /** Empty where the namespace is gone: for DEL only. */
  readonly netns: string;
  readonly args: CniArguments;
}

/** What is known of `CNI_ARGS`. */
export interface CniArguments {
  readonly podName?: string;
  readonly podNamespace?: string;
  readonly podUid?: string;
  readonly mac?: string;
  readonly addresses?: readonly string[];
}

/** Of the specification. */
const CONTAINER_ID = /^[A-Za-z0-9][A-Za-z0-9_.-]*$/;

/** Of the specification and the kernel. */
const MAX_INTERFACE_LENGTH = 15;

type Variables = Readonly<Record<string, string | undefined>>;

/** @throws CniError 4 */
export function parseVerb(env: Variables): CniVerb {
  const text = env['CNI_COMMAND'] ?? '';
  const verb = cniVerbs.find((one) => one === text);
  if (verb !== undefined) return verb;
  const problem = text === '' ? 'is not set' : `${JSON.stringify(text)} is not known`;
  throw invalid(`CNI_COMMAND ${problem}: it is one of ${cniVerbs.join(', ')}`);
}

/** @throws CniError 4 naming the variables that are missing or wrong */
export function parseContainer(env: Variables, verb: 'ADD' | 'DEL' | 'CHECK'): CniContainer {
  const required = ['CNI_CONTAINERID', 'CNI_IFNAME', ...(verb === 'DEL' ? [] : ['CNI_NETNS'])];
  const missing = required.filter((name) => (env[name] ?? '') === '');
  if (missing.length > 0)
    throw invalid(`${verb} needs ${missing.join(', ')}, which ${missing.length === 1 ? 'is' : 'are'} not set`);
  const [containerId, name] = [env['CNI_CONTAINERID']!, env['CNI_IFNAME']!];
  if (!CONTAINER_ID.test(containerId)) {
    const rule = 'letters, digits, dots, hyphens and underscores, the first a letter or digit';
    throw invalid(`CNI_CONTAINERID ${JSON.stringify(containerId)} is no container id: ${rule}`);
  }
  if (name.length > MAX_INTERFACE_LENGTH || name === '.' || name === '..' || /[/:\s]/.test(name)) {
    const rule = `at most ${MAX_INTERFACE_LENGTH} characters, without slash, colon and space`;
    throw invalid(`CNI_IFNAME ${JSON.stringify(name)} is no name for an interface: ${rule}`);
  }
  return { containerId, interface: name, netns: env['CNI_NETNS'] ?? '', args: parseArguments(env['CNI_ARGS'] ?? '') };
}

/** Directories in which other plugins are. @throws CniError 4 if there are none */
export function pluginDirectories(env: Variables): string[] {
  const directories = (env['CNI_PATH'] ?? '').split(':').filter((directory) => directory !== '');
  if (directories.length === 0) throw invalid('CNI_PATH is not set: the IPAM plugin is looked for in it');
  return directories;
}

/** Those that runtimes give and weft has no use for. */
const idleArguments: ReadonlySet<string> = new Set(['IgnoreUnknown', 'K8S_POD_INFRA_CONTAINER_ID']);

function parseArguments(text: string): CniArguments {
  const pairs = text.split(';').filter((pair) => pair !== '');
  const values = new Map(
    pairs.map((pair) => {
      const at = pair.indexOf('=');
      if (at < 1) throw invalid(`CNI_ARGS has ${JSON.stringify(pair)}: it is KEY=VALUE, with semicolons between them`);
      return [pair.slice(0, at), pair.slice(at + 1)] as const;
    }),
  );
  const known: Readonly<Record<string, (value: string) => CniArguments>> = {
    K8S_POD_NAME: (podName) => ({ podName }),
    K8S_POD_NAMESPACE: (podNamespace) => ({ podNamespace }),
    K8S_POD_UID: (podUid) => ({ podUid }),
    MAC: (mac) => ({ mac }),
    IP: (list) => ({ addresses: list.split(',') }),
  };
  const ignoresUnknown = ['1', 'true', 'TRUE', 'True'].includes(values.get('IgnoreUnknown') ?? '');
  const parsed = [...values].map(([key, value]): CniArguments => {
    const read = Object.hasOwn(known, key) ? known[key] : undefined;
    if (read !== undefined) return value === '' ? {} : read(value);
    if (ignoresUnknown || idleArguments.has(key)) return {};
    throw invalid(`CNI_ARGS has ${key}, which weft does not know: leave it out, or add IgnoreUnknown=1`);
  });
  return Object.assign({}, ...parsed) as CniArguments;
}

function invalid(message: string): CniError {
  return new CniError(CniCode.invalidEnvironment, message);
}
