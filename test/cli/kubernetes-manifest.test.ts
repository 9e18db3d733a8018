import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { parse, parseAllDocuments } from 'yaml';
import { checkImage, KEY_SECRET, KIND, manifests, type ManifestSource } from '../../src/cli/kubernetes-manifest.ts';
import { loadConfig } from '../../src/daemon/config/config.ts';
import type { WeftError } from '../../src/errors.ts';

/** As much of an object as is looked at. */
interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly data?: Readonly<Record<string, string>>;
  readonly stringData?: Readonly<Record<string, string>>;
  readonly immutable?: boolean;
  readonly spec?: {
    readonly updateStrategy: { readonly rollingUpdate: object };
    readonly template: { readonly spec: PodSpec };
  };
}

interface Container {
  readonly name: string;
  readonly image: string;
  readonly imagePullPolicy: string;
  readonly ports?: unknown;
  readonly securityContext: {
    readonly privileged?: boolean;
    readonly capabilities: { readonly drop: readonly string[] };
  };
  readonly volumeMounts?: readonly { readonly name: string }[];
}

interface PodSpec {
  readonly hostPID?: boolean;
  readonly hostNetwork: boolean;
  readonly initContainers: readonly Container[];
  readonly containers: readonly Container[];
  readonly volumes: readonly { readonly name: string }[];
}

function objects(text: string): Manifest[] {
  return parseAllDocuments(text).map((document) => document.toJS() as Manifest);
}

function podOf(source: ManifestSource): PodSpec {
  return objects(manifests(source)).find(({ kind }) => kind === 'DaemonSet')!.spec!.template.spec;
}

const fileOf = (name: string): string =>
  readFileSync(join(import.meta.dirname, '..', '..', 'deploy', 'kubernetes', name), 'utf8');

const sources = ['base', 'reset', 'overlays/kind', 'overlays/lab'] as const;

test('what is printed is what the files say', (t) => {
  const files = ['namespace', 'rbac', 'config-map', 'daemon-set'].map((name) => fileOf(`base/${name}.yaml`));
  t.deepEqual(objects(manifests('base')), files.flatMap(objects));
  t.deepEqual(objects(manifests('reset')), objects(fileOf('reset/daemon-set.yaml')));
});

for (const source of sources) {
  test(`${source}: no container is privileged, sees processes of the node, or has a right that it does not name`, (t) => {
    const pod = podOf(source);
    t.is(pod.hostPID, undefined);
    for (const { securityContext } of [...pod.initContainers, ...pod.containers]) {
      t.is(securityContext.privileged, undefined);
      t.deepEqual(securityContext.capabilities.drop, ['ALL']);
    }
  });

  test(`${source}: every volume is mounted, and every mount is a volume`, (t) => {
    const pod = podOf(source);
    const mounts = [...pod.initContainers, ...pod.containers].flatMap(({ volumeMounts = [] }) => volumeMounts);
    t.deepEqual(
      [...new Set(mounts.map(({ name }) => name))].toSorted(),
      pod.volumes.map(({ name }) => name).toSorted(),
    );
  });
}

test('two pods of a node do not exclude one another, and the earlier one ends last', (t) => {
  const { spec } = objects(manifests('base')).find(({ kind }) => kind === 'DaemonSet')!;
  t.deepEqual(spec!.updateStrategy.rollingUpdate, { maxSurge: 1, maxUnavailable: 0 });
  // With hostNetwork, the scheduler takes a declared port for one of the node.
  t.deepEqual(
    spec!.template.spec.containers.map(({ ports }) => ports),
    [undefined],
  );
});

test('for kind, the image is the one that was loaded, and the prefixes are those of kind', (t) => {
  const all = objects(manifests('overlays/kind'));
  const pod = podOf('overlays/kind');
  for (const { image, imagePullPolicy } of [...pod.initContainers, ...pod.containers])
    t.deepEqual({ image, pullPolicy: imagePullPolicy }, KIND);
  const config = parse(all.find(({ kind }) => kind === 'ConfigMap')!.data!['weft.yaml']!) as Record<string, unknown>;
  t.deepEqual(config['clusterPrefixes'], ['10.244.0.0/16', 'fd00:10:244::/56']);
  const { clusterPrefixes: _, ...ofKind } = config;
  const base = objects(manifests('base')).find(({ kind }) => kind === 'ConfigMap')!.data!['weft.yaml']!;
  const { clusterPrefixes: __, ...ofBase } = parse(base) as Record<string, unknown>;
  t.deepEqual(ofKind, ofBase);
});

for (const source of ['base', 'overlays/kind', 'overlays/lab'] as const) {
  test(`${source}: the daemon takes its configuration`, (t) => {
    const text = objects(manifests(source)).find(({ kind }) => kind === 'ConfigMap')!.data!['weft.yaml']!;
    const directory = mkdtempSync(join(tmpdir(), 'weft-manifest-'));
    t.teardown(() => rmSync(directory, { recursive: true }));
    const file = join(directory, 'weft.yaml');
    writeFileSync(file, text);
    const config = loadConfig({ file, flags: {}, env: { WEFT_KUBERNETES_NODE_NAME: 'worker-1.example.com' } });
    t.is(config.nodeName, 'worker-1');
    t.true(config.standby);
    t.is(config.ipam.mode, 'kubernetes');
  });
}

test('image, policy, prefixes and keys may be chosen', (t) => {
  const text = manifests('base', {
    image: 'registry.example.com/weft:1',
    pullPolicy: 'Always',
    clusterPrefixes: ['10.1.0.0/16'],
    keys: 'KEY\n',
  });
  const all = objects(text);
  const { initContainers, containers } = all.find(({ kind }) => kind === 'DaemonSet')!.spec!.template.spec;
  for (const { image, imagePullPolicy } of [...initContainers, ...containers])
    t.deepEqual([image, imagePullPolicy], ['registry.example.com/weft:1', 'Always']);
  const config = all.find(({ kind }) => kind === 'ConfigMap')!.data!['weft.yaml']!;
  t.deepEqual((parse(config) as Record<string, unknown>)['clusterPrefixes'], ['10.1.0.0/16']);
  t.regex(config, /# The next one of an update waits/);
  const secret = all[1]!;
  t.is(secret.kind, 'Secret');
  t.deepEqual(secret.metadata.name, KEY_SECRET);
  t.deepEqual(secret.stringData, { 'gossip.key': 'KEY\n' });
  t.true(secret.immutable);
});

test('weft has the services of the cluster where it is told how the API server is reached', (t) => {
  const text = objects(manifests('base', { servicesBy: '198.18.0.10:6443', clusterPrefixes: ['10.1.0.0/16'] })).find(
    ({ kind }) => kind === 'ConfigMap',
  )!.data!['weft.yaml']!;
  const directory = mkdtempSync(join(tmpdir(), 'weft-manifest-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  const file = join(directory, 'weft.yaml');
  writeFileSync(file, text);
  const { services, kubernetes } = loadConfig({ file, flags: {}, env: { WEFT_KUBERNETES_NODE_NAME: 'worker-1' } });
  t.true(services.enabled);
  t.deepEqual(kubernetes?.apiServer, { host: '198.18.0.10', port: 6443 });
  t.regex(text, /# The next one of an update waits/);
});

for (const image of ['', '-x', 'a b', 'weft\nevil: yes']) {
  test(`${JSON.stringify(image)} is no image`, (t) => {
    t.is(t.throws<WeftError>(() => checkImage(image)).code, 'usage');
  });
}

for (const image of ['weft', 'localhost:5000/weft:1', `registry.example.com/a/weft@sha256:${'0'.repeat(64)}`]) {
  test(`${image} is an image`, (t) => t.is(checkImage(image), image));
}
