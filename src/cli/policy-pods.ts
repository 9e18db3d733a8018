/**
 * Pods and nodes as `kubectl get pods,nodes,namespaces -A -o json` prints them, for who asks what policies would do to them: nobody is asked.
 *
 * A pod that was written by hand, or that has not started, has no address yet. It gets one that stands in for it, which lies in no `ipBlock`
 * but the whole world.
 */
import * as v from 'valibot';
import { DEFAULT_NAMESPACE } from '../directory/pod-name.ts';
import { WeftError } from '../errors.ts';
import { hasEnded, nameOfNamespaced, readNamespace, readNode, readPod } from '../kubernetes/api-object.ts';
import { addressesOf } from '../kubernetes/node-view.ts';
import type { PolicyNamespace, PolicyNode, PolicyPod } from '../policy/cluster-facts.ts';
import { problemsOfName, problemsOfDnsLabel } from '../policy/name-syntax.ts';
import { addressAt, parsePrefix } from '../wire/prefix.ts';
import { type IpAddress, parseIpAddress } from '../wire/address.ts';
import type { Manifest } from './manifest-file.ts';
import { readManifests } from './manifest-files.ts';
import { typeOf } from './policy-files.ts';

export interface PodFile {
  /** In order of namespaces and names. */
  readonly pods: readonly PolicyPod[];
  readonly nodes: readonly PolicyNode[];
  readonly namespaces: readonly PolicyNamespace[];
  /** Keys of pods whose addresses stand in for those that they do not have yet. */
  readonly withoutAddress: ReadonlySet<string>;
  /** How many have ended, and are left out. */
  readonly ended: number;
}

/** Reserved for future use (RFC 1112, section 4), and for packets to nobody (RFC 6666): no pod has an address in these. */
const STAND_INS = ['240.0.0.0/4', '100::/64'].map((text) => parsePrefix(text)!);

/** Where a Pod runs. */
const located = v.object({
  spec: v.nullish(v.object({ nodeName: v.nullish(v.string(), '') }), {}),
  status: v.nullish(v.object({ hostIP: v.nullish(v.string(), '') }), {}),
});

/** Reads a file of Pods, and of Nodes and Namespaces if they are there. @throws WeftError `usage` that says what is wrong in which place */
export function readPodFile(file: string): PodFile {
  const { manifests, problems } = readManifests([file]);
  if (problems.length > 0) throw refused(problems.map(({ place, text }) => `${place}: ${text}`));
  const pods = new Map<string, PolicyPod>();
  const nodes = new Map<string, PolicyNode>();
  const namespaces: PolicyNamespace[] = [];
  const withoutAddress = new Set<string>();
  let ended = 0;
  for (const manifest of manifests) {
    const { kind } = typeOf(manifest);
    if (kind === 'Namespace') namespaces.push(wanted(readNamespace(manifest.value), manifest, kind));
    if (kind === 'Node') {
      const node = wanted(readNode(withDefaults(manifest.value)), manifest, kind);
      nodes.set(node.name, {
        name: node.name,
        labels: node.labels,
        underlayAddresses: addressesOf(node),
        overlayAddresses: [],
      });
    }
    if (kind !== 'Pod') continue;
    const object = wanted(readPod(withDefaults(manifest.value)), manifest, kind);
    if (hasEnded(object)) {
      ended += 1;
      continue;
    }
    const key = nameOfNamespaced(object);
    if (problemsOfName(object.name).length > 0 || problemsOfDnsLabel(object.namespace).length > 0)
      throw refused([`${manifest.place(['metadata'])}: no pod of Kubernetes can have this name`]);
    if (pods.has(key)) throw refused([`${manifest.place([])}: a pod ${key} is there already`]);
    const addresses = object.addresses.flatMap((text) => parseIpAddress(text) ?? []);
    if (addresses.length === 0 && !object.hostNetwork) withoutAddress.add(key);
    const { nodeName, hostAddress } = placeOf(manifest.value);
    if (nodeName !== '' && hostAddress !== undefined && !nodes.has(nodeName))
      nodes.set(nodeName, { name: nodeName, labels: {}, underlayAddresses: [hostAddress], overlayAddresses: [] });
    pods.set(key, {
      key,
      namespace: object.namespace,
      name: object.name,
      labels: object.labels,
      addresses: withoutAddress.has(key) ? standIns(withoutAddress.size) : addresses,
      nodeName,
      hostNetwork: object.hostNetwork,
      ports: object.ports,
      hasMorePorts: object.hasMorePorts,
    });
  }
  if (pods.size === 0)
    throw refused([
      `--pods: there is no pod that runs in ${file}: it is what kubectl get pods,nodes,namespaces -A -o json prints`,
    ]);
  const sorted = [...pods.values()].sort((a, b) => byName.compare(a.key, b.key));
  return { pods: sorted, nodes: [...nodes.values()], namespaces, withoutAddress, ended };
}

/** `web-2` comes before `web-10`. */
const byName = new Intl.Collator('en', { numeric: true });

function refused(problems: readonly string[]): WeftError {
  return new WeftError('usage', problems.join('\n'));
}

function wanted<Record>(record: Record | undefined, manifest: Manifest, kind: string): Record {
  if (record !== undefined) return record;
  const hint = 'metadata.name has to be there, and labels have to be text (version: "1")';
  throw refused([`${manifest.place(['metadata'])}: this ${kind} cannot be read: ${hint}`]);
}

/** What somebody who writes a Pod by hand leaves to the API. */
function withDefaults(value: unknown): unknown {
  const object = Object(value) as Record<string, unknown>;
  return { ...object, metadata: { namespace: DEFAULT_NAMESPACE, uid: '', ...Object(object['metadata']) } };
}

function placeOf(value: unknown): { readonly nodeName: string; readonly hostAddress: IpAddress | undefined } {
  const result = v.safeParse(located, value);
  if (!result.success) return { nodeName: '', hostAddress: undefined };
  const { spec, status } = result.output;
  return { nodeName: spec.nodeName ?? '', hostAddress: parseIpAddress(status.hostIP ?? '') };
}

/** Of both families, so that there is one that the other end has. @param number 1 for the first */
function standIns(number: number): readonly IpAddress[] {
  return STAND_INS.map((prefix) => addressAt(prefix, number)!);
}
