import test from 'ava';
import { awaitPrefixes, changedPrefixes } from '../../../src/daemon/kubernetes/prefix-source.ts';
import { readNode } from '../../../src/kubernetes/api-object.ts';
import { formatPrefix, parsePrefix } from '../../../src/wire/prefix.ts';
import { silentLogger } from '../../support/silent-logger.ts';

const clusterPrefixes = [parsePrefix('10.244.0.0/16')!];

function node(...podCIDRs: string[]) {
  return readNode({ metadata: { name: 'n1', uid: 'u' }, spec: { podCIDRs } })!;
}

/** An API that says this, now or only as an earlier run stored it. */
function source(ownNode: ReturnType<typeof node> | undefined, isConfirmed = true) {
  const ending = new AbortController();
  const reached = { isReachable: isConfirmed, sinceMs: 0, problem: '' };
  const api = { ownNode, isComplete: () => isConfirmed, reachability: () => reached };
  return {
    api,
    nodeName: 'n1',
    clusterPrefixes,
    logger: silentLogger,
    ending: ending.signal,
    end: () => ending.abort(),
  };
}

test('prefixes are those of the Node', async (t) => {
  t.deepEqual((await awaitPrefixes(source(node('10.244.1.0/24')))).map(formatPrefix), ['10.244.1.0/24']);
});

test('those that an earlier run stored do, if the API does not answer', async (t) => {
  t.deepEqual((await awaitPrefixes(source(node('10.244.1.0/24'), false))).map(formatPrefix), ['10.244.1.0/24']);
});

test('the end comes while there are none', async (t) => {
  for (const none of [source(undefined), source(node()), source(undefined, false)]) {
    const waiting = awaitPrefixes(none);
    none.end();
    await t.throwsAsync(waiting, { name: 'AbortError' });
  }
});

test('those that do not fit the configuration are refused, with both', async (t) => {
  await t.throwsAsync(awaitPrefixes(source(node('10.9.1.0/24'))), {
    code: 'config-invalid',
    message:
      'clusterPrefixes: the podCIDRs of Node n1 (10.9.1.0/24): 10.9.1.0/24 does not lie within clusterPrefixes (10.244.0.0/16): ' +
      'clusterPrefixes have to contain what --cluster-cidr of kube-controller-manager says',
  });
});

test('other prefixes than those in use are noticed; none are no others', (t) => {
  const inUse = [parsePrefix('10.244.1.0/24')!];
  t.is(changedPrefixes(node('10.244.1.0/24'), inUse), undefined);
  t.is(changedPrefixes(node(), inUse), undefined);
  t.is(changedPrefixes(undefined, inUse), undefined);
  t.is(changedPrefixes(node('10.244.7.0/24'), inUse), '10.244.7.0/24');
});
