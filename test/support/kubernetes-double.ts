/** A Kubernetes API server, as far as a daemon asks one: what it is told is listed, and told to all that watch. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type HttpsApi, openHttpsApi } from './https-api.ts';

interface ApiObject {
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly spec?: { readonly nodeName?: string };
}

/** What there is. All else is not found. */
const resources = ['nodes', 'pods', 'namespaces', 'networkpolicies', 'services', 'endpointslices'] as const;

/** An object that is another one now. */
export interface ObjectLine {
  readonly resource: (typeof resources)[number];
  readonly object: ApiObject;
  readonly isGone?: boolean;
}

/** Who watches: of pods, those of one node. */
interface Watcher {
  readonly resource: string;
  readonly nodeName: string | undefined;
  readonly response: ServerResponse;
}

export class KubernetesDouble {
  readonly #objects = new Map<string, Map<string, ApiObject>>(resources.map((resource) => [resource, new Map()]));
  readonly #watchers = new Set<Watcher>();
  #version = 1;

  /** @param host address of IPv4 that it listens on. Whoever called it disposes of what it gives. */
  async open(host?: string): Promise<HttpsApi> {
    return await openHttpsApi((request, response) => this.#answer(request, response), host);
  }

  tell({ resource, object, isGone = false }: ObjectLine): void {
    const { name, namespace = '' } = object.metadata;
    const [all, key] = [this.#objects.get(resource)!, `${namespace}/${name}`];
    const type = isGone ? 'DELETED' : all.has(key) ? 'MODIFIED' : 'ADDED';
    const told = { ...object, metadata: { ...object.metadata, resourceVersion: `${++this.#version}` } };
    if (isGone) all.delete(key);
    else all.set(key, told);
    for (const watcher of this.#watchers)
      if (watcher.resource === resource && isFor(watcher.nodeName, object))
        watcher.response.write(`${JSON.stringify({ type, object: told })}\n`);
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url!, 'https://api');
    const resource = url.pathname.split('/').at(-1)!;
    const all = this.#objects.get(resource);
    if (request.method !== 'GET') return void response.end('{}');
    if (all === undefined) {
      response.writeHead(404);
      return void response.end('{"message": "not found"}');
    }
    const nodeName = /^spec\.nodeName=(.*)$/.exec(url.searchParams.get('fieldSelector') ?? '')?.[1];
    if (url.searchParams.get('watch') === '1') {
      const watcher: Watcher = { resource, nodeName, response };
      this.#watchers.add(watcher);
      response.on('close', () => this.#watchers.delete(watcher));
      return response.flushHeaders();
    }
    const items = [...all.values()].filter((object) => isFor(nodeName, object));
    response.end(JSON.stringify({ metadata: { resourceVersion: `${this.#version}` }, items }));
  }
}

function isFor(nodeName: string | undefined, { spec }: ApiObject): boolean {
  return nodeName === undefined || spec?.nodeName === nodeName;
}
