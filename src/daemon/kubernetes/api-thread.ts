/**
 * Entry of the thread that asks the Kubernetes API: it lists, watches, and says what changed.
 *
 * Not on the main thread, since a list of many nodes is megabytes of JSON, and gossip may not wait for it.
 */
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import type { ApiAnswer } from '../../kubernetes/api-calls.ts';
import { ObjectWatch } from '../../kubernetes/object-watch.ts';
import { type ResourceName, watchedResources } from '../../kubernetes/watched-resource.ts';
import { levelThisThread } from '../../linux/thread-priority.ts';
import { systemClock, systemRandom } from '../process/system-environment.ts';
import { ApiClient } from './api-client.ts';
import type { ApiOrder, ApiReport, ApiThreadSetup } from './api-messages.ts';

function main({ place, nodeName, resources, userAgent }: ApiThreadSetup, port: MessagePort): void {
  levelThisThread();
  const client = new ApiClient(place, userAgent);
  const report = (message: ApiReport): void => port.postMessage(message);
  const watches = resources.map((name) => watchOf(name, { client, nodeName, report }));
  for (const watch of watches) watch.start();
  port.on('message', (order: ApiOrder) => {
    if (order.kind === 'close') {
      for (const watch of watches) watch.stop();
      client.close();
      return port.close();
    }
    const { kind, number, path, body } = order;
    const answered = (answer: ApiAnswer): void => {
      if ('failure' in answer)
        report({ kind: 'done', number, problem: answer.failure.message, status: answer.failure.status, body: null });
      else report({ kind: 'done', number, problem: '', status: 200, body: answer.body });
    };
    if (kind === 'get') client.get(path, answered);
    else client[kind](path, body, answered);
  });
}

interface Desk {
  readonly client: ApiClient;
  readonly nodeName: string;
  readonly report: (report: ApiReport) => void;
}

function watchOf(name: ResourceName, { client, nodeName, report }: Desk): ObjectWatch<unknown> {
  return new ObjectWatch<unknown>({
    resource: watchedResources[name] as never,
    nodeName,
    calls: client,
    clock: systemClock,
    random: systemRandom,
    onChanges: (changes) => report({ kind: 'changes', resource: name, changes } as ApiReport),
    onState: (state) => report({ kind: 'state', resource: name, state }),
  });
}

if (parentPort === null) throw new TypeError('api-thread.ts is the entry of a worker thread');
main(workerData as ApiThreadSetup, parentPort);
