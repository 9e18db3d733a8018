import test from 'ava';
import { type CaptureOrder, TapCaptures } from '../../../src/daemon/worker/worker-orders.ts';
import { createTapRingMemory } from '../../../src/dataplane/tap-ring.ts';

function order(capture: number, slot: number, program: CaptureOrder['program'] = [[6, 0, 0, 1]]): CaptureOrder {
  return { capture, slot, hooks: 1, program, snaplenBytes: 64, ring: createTapRingMemory(4_096) };
}

/** As through a `MessagePort`: other objects. */
function posted(orders: readonly CaptureOrder[]): readonly CaptureOrder[] {
  return structuredClone(orders);
}

test('what does not change is not compiled again when another capture begins or ends', (t) => {
  const captures = new TapCaptures();
  const orders = [order(1, 0), order(2, 1)];
  const [first] = captures.replace(posted(orders.slice(0, 1)));
  const both = captures.replace(posted(orders));
  t.is(both[0], first);
  t.is(both[1]!.slot, 1);
  t.deepEqual(captures.replace(posted(orders.slice(1))), [both[1]!]);
  t.deepEqual(captures.replace([]), []);
});

test('another capture in the same slot has a filter and a ring of its own', (t) => {
  const captures = new TapCaptures();
  const [first] = captures.replace([order(1, 0)]);
  const [second] = captures.replace([order(2, 0, [[6, 0, 0, 0]])]);
  t.not(second!.ring, first!.ring);
  const packet = new Uint8Array(20);
  t.deepEqual([first!.filter!(packet, 0, 20), second!.filter!(packet, 0, 20)], [1, 0]);
});
