import test from 'ava';
import { ApiMirror } from '../../../src/daemon/kubernetes/api-mirror.ts';
import { readNode } from '../../../src/kubernetes/api-object.ts';
import { openHttpsApi } from '../../support/https-api.ts';
import { silentLogger } from '../../support/silent-logger.ts';
import { until } from '../../support/until.ts';

function node(name: string) {
  return { metadata: { name, uid: `u-${name}` } };
}

test('what an earlier run knew counts until the API has told all; then what is missing there is gone', async (t) => {
  let isOpen = false;
  await using server = await openHttpsApi((request, response) => {
    if (!isOpen) {
      response.writeHead(503);
      return response.end('{"message":"not yet"}');
    }
    if (request.url!.includes('watch=1')) return response.flushHeaders();
    const items = request.url!.includes('/nodes') ? [node('n1')] : [];
    return response.end(JSON.stringify({ metadata: { resourceVersion: '1' }, items }));
  });
  const { place } = server;
  const options = { nodeName: 'n1', userAgent: 'weft/test', logger: silentLogger, wallClockMs: () => 0 };
  await using mirror = new ApiMirror({ place, ...options });
  const nodes = [readNode(node('n1'))!, readNode(node('n2'))!];
  mirror.recall({ time: '', nodeName: 'n1', nodes, pods: [] });
  await until('it is told why not', () => mirror.reachability().problem.includes('HTTP 503: not yet'));
  t.deepEqual([...mirror.nodes.keys()], ['n1', 'n2']);
  t.false(mirror.isComplete('nodes'));
  isOpen = true;
  await until('it is reached', () => mirror.reachability().isReachable);
  t.deepEqual([...mirror.nodes.keys()], ['n1']);
  t.is(mirror.ownNode?.uid, 'u-n1');
  t.is(mirror.server, `127.0.0.1:${place.port}`);
});

test('a change that is asked for has an answer', async (t) => {
  await using server = await openHttpsApi((request, response) => {
    if (request.method === 'POST') {
      response.writeHead(409);
      return response.end('{"message":"already exists"}');
    }
    return response.end(JSON.stringify({ metadata: { resourceVersion: '1' }, items: [] }));
  });
  const { place } = server;
  const options = { nodeName: 'n1', userAgent: 'weft/test', logger: silentLogger, wallClockMs: () => 0 };
  await using mirror = new ApiMirror({ place, ...options });
  const outcome = await new Promise((resolve) => mirror.ask('post', '/api/v1/namespaces/default/events', {}, resolve));
  t.deepEqual(outcome, { problem: 'HTTP 409: already exists', status: 409, body: null });
});
