import test from 'ava';
import { ServiceChoices, type ServiceChoicesOptions } from '../../../src/daemon/services/service-choices.ts';
import { ServicePieces } from '../../../src/daemon/services/service-pieces.ts';
import { pickIndex } from '../../../src/services/pick-hash.ts';
import type { Destination, Frontend } from '../../../src/services/service-plan.ts';
import { formatIpAddress, parseIpAddress } from '../../../src/wire/address.ts';
import { parsePrefix } from '../../../src/wire/prefix.ts';

const address = (text: string) => parseIpAddress(text)!;

function to(...backends: readonly string[]): Destination {
  return {
    kind: 'backends',
    backends: backends.map((one) => ({ address: address(one), port: 8080, nodeName: 'n2' })),
  };
}

function frontend(more: Partial<Frontend> = {}): Frontend {
  return {
    service: 'shop/web',
    kind: 'cluster',
    address: address('10.96.0.1'),
    protocol: 'TCP',
    port: 80,
    inside: to('10.244.2.2', '10.244.2.3'),
    outside: to('10.244.2.9'),
    masqueradesOutside: true,
    affinitySeconds: undefined,
    sources: undefined,
    ...more,
  };
}

function choices(
  frontends: readonly Frontend[],
  more: Partial<ServiceChoicesOptions> & { readonly isChanged?: true } = {},
) {
  const pieces = new ServicePieces('n1', { tunDevice: 'weft0', nodeAddresses: [], pools: [], prefixes: [] });
  pieces.update({ changed: frontends, gone: [] });
  const findings = more.isChanged === true ? [{ problem: 'wrong' as const, subject: '', message: '' }] : [];
  return new ServiceChoices({
    enforcement: { frontends: pieces, inspect: async () => Promise.resolve({ entries: 0, findings }) },
    prefixes: [parsePrefix('10.96.0.0/16')!],
    titles: { at: (one) => (formatIpAddress(one) === '10.244.2.2' ? 'shop/web-0' : undefined) },
    ...more,
  });
}

const packet = {
  source: address('10.244.1.2'),
  destination: address('10.96.0.1'),
  protocol: 6,
  sourcePort: 40_000,
  destinationPort: 80,
};

test('of several backends the hash of the flow means one', async (t) => {
  for (const sourcePort of [1, 2, 3, 4, 5]) {
    const choice = await choices([frontend()]).of({ ...packet, sourcePort }, true);
    t.is(choice?.outcome, 'backend');
    t.is(choice?.how, 'hash');
    t.is(choice?.backend?.address, ['10.244.2.2', '10.244.2.3'][pickIndex(packet.source, sourcePort, 2)]);
  }
});

test('what comes from outside has backends of its own', async (t) => {
  t.deepEqual(await choices([frontend()]).of(packet, false), {
    outcome: 'backend',
    service: 'shop/web',
    place: '10.96.0.1 tcp 80',
    backends: 1,
    how: 'only',
    backend: { address: '10.244.2.9', port: 8080, pod: '', node: 'n2' },
    why: '',
  });
});

test('a client that a backend remembers goes there', async (t) => {
  const sought: string[] = [];
  const kept = choices([frontend({ affinitySeconds: 60 })], {
    isKept: async (_, backend) => {
      sought.push(formatIpAddress(backend.address));
      return Promise.resolve(formatIpAddress(backend.address) === '10.244.2.3');
    },
  });
  const choice = await kept.of(packet, true);
  t.is(choice?.how, 'kept');
  t.is(choice?.backend?.address, '10.244.2.3');
  t.deepEqual(sought, ['10.244.2.2', '10.244.2.3']);
});

const outcomes = test.macro<[string, readonly Frontend[], Partial<typeof packet>, string | undefined]>({
  exec: async (t, _, frontends, more, outcome) => {
    t.is((await choices(frontends).of({ ...packet, ...more }, true))?.outcome, outcome as 'refused');
  },
  title: (_, what) => what,
});

test(outcomes, 'without a backend it is refused', [frontend({ inside: { kind: 'refused' } })], {}, 'refused');
test(outcomes, 'without one at this node it is dropped', [frontend({ inside: { kind: 'dropped' } })], {}, 'dropped');
test(
  outcomes,
  'a source that is not let in is dropped',
  [frontend({ sources: [parsePrefix('192.0.2.0/24')!] })],
  {},
  'source-refused',
);
test(outcomes, 'another port of the address is refused', [frontend()], { destinationPort: 81 }, 'no-port');
test(outcomes, 'ICMP is refused', [frontend()], { protocol: 1 }, 'no-port');
test(
  outcomes,
  'an address that no service has is refused',
  [frontend()],
  { destination: address('10.96.0.9') },
  'no-service',
);
test(
  outcomes,
  'what is for no service is not looked at',
  [frontend()],
  { destination: address('10.244.2.2') },
  undefined,
);
test(outcomes, 'without services nothing is', [], {}, undefined);

test('what somebody changed, or the kernel does not have, is not known', async (t) => {
  t.is((await choices([frontend()], { isChanged: true }).of(packet, true))?.outcome, 'unknown');
  const enforcement = { frontends: undefined, inspect: async () => Promise.resolve({ entries: 0, findings: [] }) };
  t.is((await choices([], { enforcement }).of(packet, true))?.outcome, 'unknown');
});
