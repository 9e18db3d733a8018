/** Policies out of files of manifests, and the namespaces that are there. */
import type { GivenName } from '../api/rulebook-api.ts';
import { DEFAULT_NAMESPACE } from '../directory/pod-name.ts';
import { readNamespace } from '../kubernetes/api-object.ts';
import type { PolicyNamespace } from '../policy/cluster-facts.ts';
import { type Policy, titleOf } from '../policy/policy.ts';
import { problemsOfNamespaceObject } from '../policy/read-namespace.ts';
import { readPolicy } from '../policy/read-policy.ts';
import { printable } from '../terminal/printable.ts';
import { type Manifest, stepsOfProblem } from './manifest-file.ts';
import { readManifests } from './manifest-files.ts';

/** What is said of something in a file. */
export interface FileRemark {
  /** An error: it cannot be read. A warning: the policy does something else than its author may think. */
  readonly severity: 'error' | 'warning';
  /** `policies/db.yaml:14`, or a file, or several. */
  readonly place: string;
  /** Of the policy, `shop/db`, as far as it can be read; else empty. */
  readonly policy: string;
  readonly text: string;
}

/** What can be given to a cluster, as its author wrote it. */
export interface ManifestObject extends GivenName {
  readonly value: unknown;
}

export interface PolicyFiles {
  readonly files: readonly string[];
  readonly policies: readonly Policy[];
  readonly namespaces: readonly PolicyNamespace[];
  /** Policies and namespaces as they stand there, in order; of namespaces of one name, the last. */
  readonly objects: readonly ManifestObject[];
  readonly remarks: readonly FileRemark[];
  /** Those of kind Service, for whoever takes them; they are passed over, too. */
  readonly services: readonly Manifest[];
  /** Objects of other kinds, by kind; those that say none by an empty one. */
  readonly passedOver: ReadonlyMap<string, number>;
  /** Where a policy stands, or something in it. @param title as `titleOf` has it */
  readonly placeOf: (title: string, path: string) => string;
}

/** What a kind may look like that is told of. */
const KIND = /^[A-Za-z][A-Za-z0-9]{0,62}$/;

/** Reads files and directories. */
export function readPolicyFiles(paths: readonly string[]): PolicyFiles {
  const { files, manifests, problems } = readManifests(paths);
  const remarks: FileRemark[] = problems.map((problem) => ({ severity: 'error', policy: '', ...problem }));
  const policies = new Map<string, { readonly policy: Policy; readonly manifest: Manifest }>();
  const namespaces: PolicyNamespace[] = [];
  const objects = new Map<string, ManifestObject>();
  const services: Manifest[] = [];
  const passedOver = new Map<string, number>();
  for (const manifest of manifests) {
    const { group, kind } = typeOf(manifest);
    if (kind === 'Service' && group === '') services.push(manifest);
    if (kind === 'Namespace') {
      const problems = problemsOfNamespaceObject(manifest.value);
      const namespace = readNamespace(manifest.value);
      remarks.push(
        ...problems.map((text): FileRemark => {
          return { severity: 'error', place: manifest.place(stepsOfProblem(text)), policy: '', text };
        }),
      );
      if (problems.length > 0 || namespace === undefined) continue;
      namespaces.push(namespace);
      const { name } = namespace;
      objects.set(`Namespace ${name}`, { kind, namespace: '', name, value: manifest.value });
    } else if (!isPolicy(manifest)) passedOver.set(kind, (passedOver.get(kind) ?? 0) + 1);
    else {
      const reading = readPolicy(manifest.value);
      const remark = (severity: FileRemark['severity'], text: string): FileRemark => {
        return { severity, place: manifest.place(stepsOfProblem(text)), policy: titleAsWritten(manifest), text };
      };
      if (reading.policy === undefined) {
        remarks.push(...reading.problems.map((problem) => remark('error', problem)));
        continue;
      }
      remarks.push(...reading.warnings.map((warning) => remark('warning', warning)));
      const key = titleOf(reading.policy);
      const other = policies.get(key);
      if (other === undefined) {
        const { namespace, name } = reading.policy;
        policies.set(key, { policy: reading.policy, manifest });
        objects.set(key, {
          kind: namespace === '' ? 'ClusterNetworkPolicy' : 'NetworkPolicy',
          namespace,
          name,
          value: manifest.value,
        });
      } else
        remarks.push(remark('error', `metadata.name: a policy of this name is in ${other.manifest.place([])}, too`));
    }
  }
  if (policies.size === 0 && remarks.length === 0)
    remarks.push({ severity: 'warning', place: paths.join(', '), policy: '', text: 'no policy is here' });
  return {
    files,
    policies: [...policies.values()].map(({ policy }) => policy),
    namespaces,
    objects: [...objects.values()],
    remarks,
    services,
    passedOver,
    placeOf: (title, path) => policies.get(title)?.manifest.place(stepsOfProblem(path)) ?? '',
  };
}

/** Of a resource of Kubernetes that is there for policies, in whatever version. */
function isPolicy(manifest: Manifest): boolean {
  const { group, kind } = typeOf(manifest);
  if (group === 'policy.networking.k8s.io') return true;
  return (group === 'networking.k8s.io' || group === 'extensions') && kind === 'NetworkPolicy';
}

/** Kind and group of an object; empty: it says none that could be one. */
export function typeOf({ value }: Manifest): { readonly group: string; readonly kind: string } {
  const { apiVersion, kind } = Object(value) as Record<string, unknown>;
  const group = typeof apiVersion === 'string' && apiVersion.includes('/') ? apiVersion.split('/')[0]! : '';
  return { group, kind: typeof kind === 'string' && KIND.test(kind) ? kind : '' };
}

/** Of an object of which not all can be read. */
function titleAsWritten(manifest: Manifest): string {
  const metadata = Object((Object(manifest.value) as Record<string, unknown>)['metadata']) as Record<string, unknown>;
  const [namespace, name] = ['namespace', 'name'].map((key) => {
    const text = metadata[key];
    return typeof text === 'string' && /^[a-z0-9.-]{1,253}$/.test(text) ? text : '';
  }) as [string, string];
  const isNamespaced = typeOf(manifest).kind === 'NetworkPolicy';
  return name === ''
    ? ''
    : titleOf({ namespace: namespace === '' && isNamespaced ? DEFAULT_NAMESPACE : namespace, name });
}

/** `policies/db.yaml:14: error: shop/db: spec.ingress: …`, as compilers have it. */
export function remarkLine({ severity, place, policy, text }: FileRemark): string {
  return printable([place, severity, policy, text].filter((part) => part !== '').join(': '));
}
