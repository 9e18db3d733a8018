/**
 * A Kubernetes API server for nodes of a lab, as far as a daemon asks one: `node kubernetes-script.ts ADDRESS`. It says first where it is,
 * as an `ApiPlace`; then each line of its input is an object that is another one now:
 *
 *     {"resource": "networkpolicies", "object": {"metadata": {"namespace": "shop", "name": "web"}, "spec": ...}}
 *     {"resource": "networkpolicies", "object": {"metadata": {"namespace": "shop", "name": "web"}}, "isGone": true}
 */
import type { ServerResponse } from 'node:http';
import { createInterface } from 'node:readline';
import { openHttpsApi } from './https-api.ts';

interface ApiObject {
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly spec?: { readonly nodeName?: string };
}

/** A line of its input. */
export interface ObjectLine {
  readonly resource: 'nodes' | 'pods' | 'namespaces' | 'networkpolicies';
  readonly object: ApiObject;
  readonly isGone?: boolean;
}

/** Who watches: of pods, those of one node. */
interface Watcher {
  readonly resource: string;
  readonly nodeName: string | undefined;
  readonly response: ServerResponse;
}

const objects = new Map<string, Map<string, ApiObject>>();
for (const resource of ['nodes', 'pods', 'namespaces', 'networkpolicies']) objects.set(resource, new Map());
const watchers = new Set<Watcher>();
let version = 1;

function isFor(nodeName: string | undefined, { spec }: ApiObject): boolean {
  return nodeName === undefined || spec?.nodeName === nodeName;
}

const { place } = await openHttpsApi((request, response) => {
  const url = new URL(request.url!, 'https://api');
  const resource = url.pathname.split('/').at(-1)!;
  const all = objects.get(resource);
  if (request.method !== 'GET') return response.end('{}');
  if (all === undefined) {
    response.writeHead(404);
    return response.end('{"message": "not found"}');
  }
  const nodeName = /^spec\.nodeName=(.*)$/.exec(url.searchParams.get('fieldSelector') ?? '')?.[1];
  if (url.searchParams.get('watch') === '1') {
    const watcher: Watcher = { resource, nodeName, response };
    watchers.add(watcher);
    response.on('close', () => watchers.delete(watcher));
    return response.flushHeaders();
  }
  const items = [...all.values()].filter((object) => isFor(nodeName, object));
  return response.end(JSON.stringify({ metadata: { resourceVersion: `${version}` }, items }));
}, process.argv[2]);

createInterface({ input: process.stdin }).on('line', (line) => {
  const { resource, object, isGone = false } = JSON.parse(line) as ObjectLine;
  const { name, namespace = '' } = object.metadata;
  const [all, key] = [objects.get(resource)!, `${namespace}/${name}`];
  const type = isGone ? 'DELETED' : all.has(key) ? 'MODIFIED' : 'ADDED';
  const told = { ...object, metadata: { ...object.metadata, resourceVersion: `${++version}` } };
  if (isGone) all.delete(key);
  else all.set(key, told);
  for (const watcher of watchers)
    if (watcher.resource === resource && isFor(watcher.nodeName, object))
      watcher.response.write(`${JSON.stringify({ type, object: told })}\n`);
});

process.stdout.write(`${JSON.stringify(place)}\n`);
