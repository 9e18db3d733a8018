import test from 'ava';
import type { CaptureSpec } from '../../../src/api/capture-api.ts';
import { parseComment } from '../../../src/capture/comment.ts';
import { CaptureNames } from '../../../src/daemon/capture/capture-names.ts';
import { CaptureSession } from '../../../src/daemon/capture/capture-session.ts';
import { hookMask } from '../../../src/daemon/capture/capture-hooks.ts';
import { DeniedTaps, wholeLength } from '../../../src/daemon/capture/denied-taps.ts';
import type { Denier } from '../../../src/daemon/policy/denier-names.ts';
import { isFromHere } from '../../../src/daemon/policy/packet-direction.ts';
import { createTapRingMemory } from '../../../src/dataplane/tap-ring.ts';
import { parsePrefix } from '../../../src/wire/prefix.ts';
import { blocksOf, packetsOf } from '../../support/captured.ts';
import { ipPacket, udpDatagram } from '../../support/ip-packet.ts';

const AHEAD_NS = 1_767_225_600_500_000_000n;
const RING_BYTES = 16_384;

const web: Denier = {
  direction: 'ingress',
  policy: 'shop/a+shop/b',
  rule: '',
  text: 'isolated by shop/a, shop/b, no rule matches',
  isAudit: false,
};
const tenants: Denier = {
  direction: 'egress',
  policy: 'tenants',
  rule: 'egress[0].to[0] (labels-unknown)',
  text: 'tenants egress[0].to[0] (labels-unknown)',
  isAudit: true,
};

const between = (source: readonly number[], destination: readonly number[]) =>
  ipPacket({ source, destination, protocol: 17, transport: udpDatagram([7, 7, 7, 7]) });
const inward = between([10, 244, 2, 2], [10, 244, 1, 2]);

async function captured(spec: CaptureSpec, deniers: readonly Denier[], packet = inward) {
  const ring = createTapRingMemory(RING_BYTES);
  const taps = new DeniedTaps(
    () => AHEAD_NS,
    (denied) => isFromHere(denied, [parsePrefix('10.244.1.0/24')!]),
  );
  const { snaplenBytes = 65_535 } = spec;
  taps.set([{ slot: 1, hooks: hookMask(spec), snaplenBytes, ring }]);
  taps.record(deniers.map((denier) => ({ denier, packet, timeNs: AHEAD_NS + 3_600_000_000n })));
  const session = new CaptureSession({
    plan: { capture: 1, spec, rings: [ring], podAddresses: undefined, maxBytes: undefined },
    nodeName: 'n1',
    version: '1.2.3',
    names: new CaptureNames(),
    onEnd: () => undefined,
  });
  session.drain(AHEAD_NS);
  session.end('asked');
  return packetsOf(await blocksOf(session.queue));
}

test('what is denied is a drop with its policy, and what is audited passes at a hook of its own', async (t) => {
  const packets = await captured({ dropsOnly: true }, [web, tenants]);
  t.deepEqual(
    packets.map(({ comment }) => parseComment(comment ?? '')),
    [
      { verdict: 'drop', reason: 'policy-denied', direction: 'ingress', policy: 'shop/a+shop/b' },
      {
        verdict: 'would-drop',
        reason: 'policy-denied',
        direction: 'egress',
        policy: 'tenants',
        rule: 'egress[0].to[0] (labels-unknown)',
      },
    ],
  );
});

test('a capture of other hooks has none of them', async (t) => {
  t.deepEqual(await captured({ hooks: ['from-pod'] }, [web, tenants]), []);
  t.is((await captured({ hooks: ['audit'] }, [web, tenants])).length, 1);
});

test('a packet of which the beginning is here has its whole length', (t) => {
  const long = inward.slice();
  long[2] = 0x05;
  t.is(wholeLength(long), 0x05_00 + long[3]!);
  t.is(wholeLength(inward.subarray(0, 24)), inward.length);
  for (let length = 0; length < 20; length++) t.is(wholeLength(inward.subarray(0, length)), length);
  const ipv6 = new Uint8Array(60).fill(0);
  ipv6.set([0x60, 0, 0, 0, 0, 200]);
  t.is(wholeLength(ipv6), 240);
});

for (const [name, packet, denier, expected] of [
  ['to a pod of this node', inward, tenants, false],
  ['from a pod of this node', between([10, 244, 1, 2], [10, 244, 2, 2]), web, true],
  ['between pods of this node, to what ingress is of', between([10, 244, 1, 2], [10, 244, 1, 3]), web, false],
  ['between pods of this node, from what egress is of', between([10, 244, 1, 2], [10, 244, 1, 3]), tenants, true],
  ['that is none', new Uint8Array(), web, false],
] as const)
  test(`the way of a packet ${name} is known`, (t) => {
    t.is(isFromHere({ packet, denier }, [parsePrefix('10.244.1.0/24')!]), expected);
  });
