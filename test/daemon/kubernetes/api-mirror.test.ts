import test from 'ava';
import { ApiMirror } from '../../../src/daemon/kubernetes/api-mirror.ts';
import { readNode } from '../../../src/kubernetes/api-object.ts';
import { readNetworkPolicy } from '../../../src/kubernetes/api-policy.ts';
import { openHttpsApi } from '../../support/https-api.ts';
import { silentLogger } from '../../support/silent-logger.ts';
import { until } from '../../support/until.ts';

const usual = { nodeName: 'n1', purposes: ['node', 'policy'], userAgent: 'weft/test' } as const;

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
  const options = { ...usual, logger: silentLogger, wallClockMs: () => 0 };
  await using mirror = new ApiMirror({ place, ...options });
  const nodes = [readNode(node('n1'))!, readNode(node('n2'))!];
  const policy = readNetworkPolicy({ metadata: { name: 'web', namespace: 'shop' }, spec: { podSelector: {} } })!;
  const none = { pods: [], namespaces: [] };
  mirror.recall({ time: '', nodeName: 'n1', nodes, networkpolicies: [policy], ...none });
  await until('it is told why not', () => mirror.reachability().problem.includes('HTTP 503: not yet'));
  t.deepEqual([...mirror.nodes.keys()], ['n1', 'n2']);
  t.deepEqual([...mirror.objectsOf('networkpolicies').keys()], ['shop/web']);
  t.false(mirror.isComplete('nodes'));
  t.true(mirror.isKnown('networkpolicies'));
  // An earlier version did not store these: that there are none is not known.
  t.false(mirror.isKnown('clusternetworkpolicies'));
  t.deepEqual(Object.keys(mirror.everything(mirror.resources)), ['nodes', 'pods', 'namespaces', 'networkpolicies']);
  isOpen = true;
  await until('it is reached', () => mirror.reachability().isReachable);
  t.deepEqual([...mirror.nodes.keys()], ['n1']);
  t.is(mirror.ownNode?.uid, 'u-n1');
  await until('policies are, too', () => mirror.reachability('policy').isReachable);
  t.is(mirror.objectsOf('networkpolicies').size, 0);
  t.true(mirror.isKnown('clusternetworkpolicies'));
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
  const options = { ...usual, logger: silentLogger, wallClockMs: () => 0 };
  await using mirror = new ApiMirror({ place, ...options });
  const outcome = await new Promise((resolve) => mirror.ask('post', '/api/v1/namespaces/default/events', {}, resolve));
  t.deepEqual(outcome, { problem: 'HTTP 409: already exists', status: 409, body: null });
});

test('without the right to see policies, nodes and pods are watched all the same, and it is told what is missing', async (t) => {
  await using server = await openHttpsApi((request, response) => {
    const path = request.url!;
    if (path.includes('/networkpolicies')) {
      response.writeHead(403);
      return response.end('{"message":"networkpolicies is forbidden"}');
    }
    if (path.includes('watch=1')) return response.flushHeaders();
    if (path.includes('/clusternetworkpolicies')) response.writeHead(404);
    return response.end(JSON.stringify({ metadata: { resourceVersion: '1' }, items: [] }));
  });
  const { place } = server;
  const options = { ...usual, logger: silentLogger, wallClockMs: () => 0 };
  await using mirror = new ApiMirror({ place, ...options });
  await until('nodes and pods are watched', () => mirror.reachability().isReachable);
  await until('the rest is not', () => mirror.reachability('policy').problem !== '');
  t.deepEqual(mirror.reachability('policy'), {
    isReachable: false,
    sinceMs: 0,
    problem: 'networkpolicies: HTTP 403: networkpolicies is forbidden',
  });
  await until('what is not installed is absent', () => mirror.stateOf('clusternetworkpolicies').phase === 'absent');
  t.true(mirror.isForbidden('policy'));
  t.false(mirror.isForbidden('node'));
  // What an earlier run was told still counts.
  mirror.recall({ time: '', nodeName: 'n1', networkpolicies: [] });
  t.false(mirror.isForbidden('policy'));
});

test('that policies cannot be had at the moment is not that they are forbidden', async (t) => {
  await using server = await openHttpsApi((request, response) => {
    const path = request.url!;
    if (path.includes('/networkpolicies')) {
      response.writeHead(503);
      return response.end('{"message":"etcd has no leader"}');
    }
    if (path.includes('watch=1')) return response.flushHeaders();
    return response.end(JSON.stringify({ metadata: { resourceVersion: '1' }, items: [] }));
  });
  const { place } = server;
  const options = { ...usual, logger: silentLogger, wallClockMs: () => 0 };
  await using mirror = new ApiMirror({ place, ...options });
  await until('nodes and pods are watched', () => mirror.reachability().isReachable);
  await until('policies are not', () => mirror.reachability('policy').problem !== '');
  t.false(mirror.isForbidden('policy'));
});

test('who follows is told which objects changed', async (t) => {
  const watched: { write(line: string): void }[] = [];
  await using server = await openHttpsApi((request, response) => {
    const isOfNamespaces = request.url!.includes('/namespaces');
    if (request.url!.includes('watch=1')) {
      if (isOfNamespaces) watched.push(response);
      return response.flushHeaders();
    }
    const items = isOfNamespaces ? [node('shop'), node('data')] : [];
    return response.end(JSON.stringify({ metadata: { resourceVersion: '1' }, items }));
  });
  const { place } = server;
  const options = { ...usual, logger: silentLogger, wallClockMs: () => 0 };
  await using mirror = new ApiMirror({ place, ...options });
  const heard: string[] = [];
  mirror.follow((resource, changed) => {
    if (changed.length > 0) heard.push(`${resource} ${changed.join(' ')}`);
  });
  await until('namespaces are watched', () => watched.length > 0);
  const object = { metadata: { name: 'shop', resourceVersion: '2', labels: { team: 'a' } } };
  watched[0]!.write(`${JSON.stringify({ type: 'MODIFIED', object })}\n`);
  watched[0]!.write(
    `${JSON.stringify({ type: 'DELETED', object: { metadata: { name: 'data', resourceVersion: '3' } } })}\n`,
  );
  await until('all of it is heard', () => heard.length === 3);
  t.deepEqual(heard, ['namespaces shop data', 'namespaces shop', 'namespaces data']);
  t.deepEqual([...mirror.objectsOf('namespaces').values()], [{ name: 'shop', labels: { team: 'a' } }]);
});

test('services are asked for only by who has them, without those that are of others', async (t) => {
  const asked: URL[] = [];
  await using server = await openHttpsApi((request, response) => {
    const url = new URL(request.url!, 'https://api');
    asked.push(url);
    if (url.searchParams.get('watch') === '1') return response.flushHeaders();
    return response.end(JSON.stringify({ metadata: { resourceVersion: '1' }, items: [] }));
  });
  const { place } = server;
  const options = { ...usual, logger: silentLogger, wallClockMs: () => 0 };
  const stored = { time: '', nodeName: 'n1', services: [], endpointslices: [] };
  {
    await using mirror = new ApiMirror({ place, ...options });
    mirror.recall(stored);
    await until('policies are watched', () => mirror.reachability('policy').isReachable);
    t.false(mirror.resources.includes('services'));
    t.false(mirror.isKnown('services'));
    t.false('services' in mirror.everything(mirror.resources));
    t.false(asked.some(({ pathname }) => /services|endpointslices/.test(pathname)));
  }
  await using mirror = new ApiMirror({ place, ...options, purposes: ['node', 'service'] });
  mirror.recall(stored);
  t.true(mirror.isKnown('services'));
  await until('services are watched', () => mirror.reachability('service').isReachable);
  const selectorsOf = (resource: string) => {
    const { searchParams } = asked.find(({ pathname }) => pathname.endsWith(`/${resource}`))!;
    return [searchParams.get('fieldSelector'), searchParams.get('labelSelector')];
  };
  const ours = '!service.kubernetes.io/service-proxy-name,!service.kubernetes.io/headless';
  t.deepEqual(selectorsOf('services'), ['spec.clusterIP!=None,spec.type!=ExternalName', ours]);
  t.deepEqual(selectorsOf('endpointslices'), [null, `${ours},kubernetes.io/service-name`]);
});
