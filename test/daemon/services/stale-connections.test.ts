import test from 'ava';
import { StaleConnections } from '../../../src/daemon/services/stale-connections.ts';
import { SystemCallError } from '../../../src/errors.ts';
import type { TrackedConnection } from '../../../src/linux/connection-message.ts';
import type { Frontend } from '../../../src/services/service-plan.ts';
import { frontendKey } from '../../../src/services/service-planner.ts';
import { parseIpAddress } from '../../../src/wire/address.ts';

const address = (text: string) => parseIpAddress(text)!;

const SERVICE = '10.96.0.1';
const UDP = 17;

function frontend(backends: readonly string[], more: Partial<Frontend> = {}): Frontend {
  const to =
    backends.length === 0
      ? { kind: 'refused' as const }
      : {
          kind: 'backends' as const,
          backends: backends.map((one) => ({ address: address(one), port: 5353, nodeName: '' })),
        };
  return {
    service: 'shop/dns',
    kind: 'cluster',
    address: address(SERVICE),
    protocol: 'UDP',
    port: 53,
    inside: to,
    outside: to,
    masqueradesOutside: true,
    affinitySeconds: undefined,
    sources: undefined,
    ...more,
  };
}

/** A flow that was sent to one address and port, and is answered by another. */
function flow(destination: string, destinationPort: number, more: Partial<TrackedConnection> = {}): TrackedConnection {
  return {
    source: address('10.244.1.9'),
    destination: address(destination),
    protocol: UDP,
    sourcePort: 4000,
    destinationPort,
    sentTo: address(SERVICE),
    sentToPort: 53,
    mark: 0,
    isPickedUp: false,
    ...more,
  };
}

/** What is forgotten of these when frontends change, one after the other. */
async function forgotten(
  flows: readonly TrackedConnection[],
  ...changes: readonly (Frontend | 'gone')[]
): Promise<readonly number[]> {
  let current: Frontend | undefined;
  let gone: readonly number[] = [];
  const stale = new StaleConnections(
    () => ({ frontend: () => current }),
    async (isGone) => {
      gone = flows.flatMap((one, index) => (isGone(one) ? [index] : []));
      return Promise.resolve(gone.length);
    },
  );
  for (const change of changes) {
    gone = [];
    current = change === 'gone' ? undefined : change;
    await stale.follow(
      change === 'gone' ? { changed: [], gone: [frontendKey(frontend([]))] } : { changed: [change], gone: [] },
    );
  }
  return gone;
}

const flows = [
  flow('10.244.1.2', 5353),
  flow('10.244.2.2', 5353),
  // Nobody translated it.
  flow(SERVICE, 53),
  // To something else.
  flow('10.244.1.2', 5353, { sentToPort: 54 }),
  flow('10.244.1.2', 5353, { protocol: 6 }),
];

test('flows to backends that are none any more are forgotten, and those from before there was a service', async (t) => {
  t.deepEqual(await forgotten(flows, frontend(['10.244.1.2'])), [1, 2]);
  t.deepEqual(await forgotten(flows, frontend(['10.244.1.2', '10.244.2.2'])), [2]);
  t.deepEqual(await forgotten(flows, frontend([])), [0, 1, 2]);
});

test('of a service that is gone, those that were translated are', async (t) => {
  t.deepEqual(await forgotten(flows, frontend(['10.244.1.2']), 'gone'), [0, 1]);
});

test('when affinity changes, all are', async (t) => {
  const backends = ['10.244.1.2', '10.244.2.2'];
  t.deepEqual(await forgotten(flows, frontend(backends), frontend(backends, { affinitySeconds: 60 })), [0, 1, 2]);
});

test('of TCP nobody is asked', async (t) => {
  t.deepEqual(await forgotten(flows, frontend(['10.244.1.2'], { protocol: 'TCP' })), []);
});

test('what a backend of one side alone has goes on', async (t) => {
  const outside = frontend(['10.244.2.2']).outside;
  t.deepEqual(await forgotten(flows, frontend(['10.244.1.2'], { outside })), [2]);
});

test('as long as it is not known what the kernel has, none are, and then by all that changed meanwhile', async (t) => {
  let isKnown = false;
  let gone: readonly TrackedConnection[] = [];
  const stale = new StaleConnections(
    () => (isKnown ? { frontend: () => frontend(['10.244.1.2']) } : undefined),
    async (isGone) => {
      gone = flows.filter((one) => isGone(one));
      return Promise.resolve(gone.length);
    },
  );
  await stale.follow({ changed: [frontend(['10.244.1.2'])], gone: [] });
  t.deepEqual(gone, []);
  isKnown = true;
  await stale.follow({ changed: [], gone: [] });
  t.deepEqual(gone, [flows[1], flows[2]]);
});

test('a kernel that does not tell of flows is said', async (t) => {
  const stale = new StaleConnections(
    () => ({ frontend: () => undefined }),
    async () => Promise.reject(new SystemCallError('recv', 'EPERM', 'list connections')),
  );
  t.deepEqual(stale.notices(), []);
  await stale.follow({ changed: [frontend([])], gone: [] });
  t.deepEqual(
    stale.notices().map(({ code }) => code),
    ['service-flows-unavailable'],
  );
});
