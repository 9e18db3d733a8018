/**
 * The manifests of weft for a cluster. They are the files of `deploy/kubernetes/`, as `kubectl kustomize` puts them together; what an
 * overlay there may say is what is understood here: images, and patches that replace values.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Document, parse, parseAllDocuments, parseDocument } from 'yaml';
import { WeftError } from '../errors.ts';

/** Beside `src` as well as beside `dist`. */
const DIRECTORY = fileURLToPath(new URL('../../deploy/kubernetes', import.meta.url));

/** Name of the image in the files. */
const IMAGE = 'weft';

const NAMESPACE = 'weft';

/** With the key of the cluster, as `gossip.key`. */
export const KEY_SECRET = 'weft-gossip-key';

/** When a node asks a registry for an image. */
export type PullPolicy = 'Always' | 'IfNotPresent' | 'Never';

/** The image that the overlay for kind has. */
export const KIND = { image: 'localhost/weft:kind', pullPolicy: 'Never' } as const;

/** What is put together. */
export type ManifestSource = 'base' | 'reset' | 'overlays/kind' | 'overlays/lab' | 'overlays/alongside';

/** What differs from cluster to cluster. What is left out stays as the files have it. */
export interface ManifestChoice {
  readonly image?: string;
  readonly pullPolicy?: PullPolicy;
  /** Prefixes of all pods. */
  readonly clusterPrefixes?: readonly string[];
  /** `HOST:PORT` of the API server, for weft to have the services of the cluster. */
  readonly servicesBy?: string;
  /** Addresses for services of type LoadBalancer, as `services.pools` has them. */
  readonly pools?: readonly string[];
  /** Content of a key file. Without one there is no Secret in the manifests. */
  readonly keys?: string;
}

interface Kustomization {
  readonly resources: readonly string[];
  readonly images?: readonly { readonly name: string; readonly newName: string; readonly newTag: string }[];
  readonly patches?: readonly {
    readonly target: { readonly kind: string; readonly name: string };
    readonly patch: string;
  }[];
}

interface Replacement {
  readonly op: string;
  readonly path: string;
  readonly value: unknown;
}

/** The manifests, in the order in which they are to be made: YAML, one document for each object. */
export function manifests(
  source: ManifestSource,
  { image, pullPolicy, clusterPrefixes, servicesBy, pools, keys }: ManifestChoice = {},
): string {
  const documents = putTogether(join(DIRECTORY, source));
  for (const document of documents) {
    for (const container of containersOf(document)) {
      if (image !== undefined) document.setIn([...container, 'image'], image);
      if (pullPolicy !== undefined) document.setIn([...container, 'imagePullPolicy'], pullPolicy);
    }
    if (document.get('kind') !== 'ConfigMap') continue;
    if (clusterPrefixes !== undefined)
      configure(document, (config) =>
        config.set('clusterPrefixes', config.createNode(clusterPrefixes, { flow: true })),
      );
    if (servicesBy !== undefined)
      configure(document, (config) => {
        config.setIn(['kubernetes', 'apiServer'], servicesBy);
        config.setIn(['services', 'enabled'], 'on');
      });
    if (pools !== undefined)
      configure(document, (config) => config.setIn(['services', 'pools'], config.createNode(pools, { flow: true })));
  }
  // Before what uses it, and behind the namespace that it is in.
  if (keys !== undefined) documents.splice(1, 0, keySecret(keys));
  // Documents that came behind another one begin with the line that parts them, the others do not.
  const texts = documents.map((document) => document.toString({ lineWidth: 0 }));
  return texts.map((text) => (text.startsWith('---\n') ? text : `---\n${text}`)).join('');
}

function putTogether(directory: string): Document[] {
  const kustomization = parse(readFileSync(join(directory, 'kustomization.yaml'), 'utf8')) as Kustomization;
  const documents = kustomization.resources.flatMap((resource) =>
    resource.endsWith('.yaml') ? documentsOf(join(directory, resource)) : putTogether(join(directory, resource)),
  );
  for (const { name, newName, newTag } of kustomization.images ?? []) {
    for (const document of documents) {
      const named = containersOf(document).filter((container) => document.getIn([...container, 'image']) === name);
      for (const container of named) document.setIn([...container, 'image'], `${newName}:${newTag}`);
    }
  }
  for (const { target, patch } of kustomization.patches ?? []) {
    const patched = documents.filter(
      (one) => one.get('kind') === target.kind && one.getIn(['metadata', 'name']) === target.name,
    );
    for (const document of patched)
      for (const { path, value } of parse(patch) as Replacement[]) document.setIn(stepsOf(path), value);
  }
  return documents;
}

function documentsOf(path: string): Document[] {
  return parseAllDocuments(readFileSync(path, 'utf8')) as Document[];
}

/** Of a JSON pointer (RFC 6901) whose numbers are places in lists. */
function stepsOf(pointer: string): (string | number)[] {
  return pointer
    .slice(1)
    .split('/')
    .map((step) => (/^\d+$/.test(step) ? Number(step) : step.replaceAll('~1', '/').replaceAll('~0', '~')));
}

/** Paths of the containers of the pods that an object makes. */
function containersOf(document: Document): (string | number)[][] {
  return ['initContainers', 'containers'].flatMap((kind) => {
    const path = ['spec', 'template', 'spec', kind];
    const { items = [] } = (document.getIn(path) ?? {}) as { readonly items?: readonly unknown[] };
    return items.map((_, index) => [...path, index]);
  });
}

/** Changes the configuration that a ConfigMap has. */
function configure(document: Document, change: (config: Document) => void): void {
  const path = ['data', 'weft.yaml'];
  const config: Document = parseDocument(document.getIn(path) as string);
  change(config);
  document.setIn(path, config.toString({ lineWidth: 0 }));
}

/** Of a key that only changes by hand: a second `kubectl apply` with another key fails, rather than cut nodes off from one another. */
function keySecret(keys: string): Document {
  return new Document({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: KEY_SECRET, namespace: NAMESPACE, labels: { 'app.kubernetes.io/name': IMAGE } },
    type: 'Opaque',
    immutable: true,
    stringData: { 'gossip.key': keys },
  });
}

/** @throws WeftError `usage` unless it may be the name of an image */
export function checkImage(image: string): string {
  // What containerd takes, but for the forms that nobody writes: host:port/path:tag@digest.
  if (/^[a-z0-9][\w./:-]*(@sha256:[0-9a-f]{64})?$/.test(image)) return image;
  throw new WeftError(
    'usage',
    `--image: ${image} is not the name of an image, such as registry.example.com/weft:0.2.0`,
  );
}
