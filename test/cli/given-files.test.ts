import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { readGivenFiles } from '../../src/cli/given-files.ts';

const directory = mkdtempSync(join(tmpdir(), 'weft-given-'));
test.after.always(() => rmSync(directory, { recursive: true }));

function file(name: string, text: string): string {
  const path = join(directory, name);
  writeFileSync(path, text);
  return path;
}

function service(name: string, spec = '{ports: [{port: 80}]}'): string {
  return `---\n{apiVersion: v1, kind: Service, metadata: {name: ${name}}, spec: ${spec}}\n`;
}

const policy = '---\n{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: web}, spec: {}}\n';
const namespace = '---\n{apiVersion: v1, kind: Namespace, metadata: {name: shop}}\n';
const foreign = '---\n{apiVersion: serving.knative.dev/v1, kind: Service, metadata: {name: web}, spec: {}}\n';

test('policies, namespaces and services are taken, and the rest is passed over', (t) => {
  const remarks: string[] = [];
  const pod = '---\n{apiVersion: v1, kind: Pod}\n';
  const path = file('all.yaml', [service('web'), policy, foreign, namespace, pod, service('db')].join(''));
  const objects = readGivenFiles([path], (line) => remarks.push(line));
  t.deepEqual(
    objects.map(({ kind, namespace: within, name }) => `${kind} ${within}/${name}`),
    ['NetworkPolicy default/web', 'Namespace /shop', 'Service default/web', 'Service default/db'],
  );
  t.deepEqual(remarks, ['passed over: 1 Service', 'passed over: 1 Pod']);
});

test('services alone are enough', (t) => {
  const remarks: string[] = [];
  t.is(readGivenFiles([file('service.yaml', service('web'))], (line) => remarks.push(line)).length, 1);
  t.deepEqual(remarks, []);
});

const refuses = test.macro<[string, string]>({
  exec: (t, text: string, message: string) => {
    const path = file(`${t.title.replaceAll(/\W/g, '-')}.yaml`, text);
    const error = t.throws(() => readGivenFiles([path], () => undefined), { code: 'usage' } as never);
    t.is(error?.message.replaceAll(path, 'file'), message);
  },
  title: (name = '') => `refuses ${name}`,
});

test(
  'a service that is wrong, with its line',
  refuses,
  `${policy}---\napiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec:\n  type: ExternalName\n`,
  'file:8: error: spec.type: Forbidden: services of type ExternalName are not supported',
);
test(
  'two services of one name',
  refuses,
  `${service('web')}${service('web')}`,
  'file:4: error: metadata.name: a service of this name is in file:2, too',
);
test('what has nothing to give', refuses, foreign, 'file: neither a policy nor a service or namespace is here');
