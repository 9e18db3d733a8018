import test from 'ava';
import { parseRefusedSenders } from '../../../src/daemon/rules/node-table.ts';

/** As `nft -nn -j list set` of nftables 1.0.6 writes elements. */
function counted(val: unknown, packets: number): unknown {
  return { elem: { val, expires: 599, counter: { packets, bytes: packets * 86 } } };
}

test('a sender that was refused is read with its packets', (t) => {
  const sets = [
    { name: 'refusedby', elem: [counted('docker0', 5)] },
    { name: 'refused4', elem: [counted({ concat: ['docker0', '172.17.0.2', '198.18.0.2'] }, 3)] },
    { name: 'refused6' },
  ];
  t.deepEqual(parseRefusedSenders(sets), [
    { device: 'docker0', pair: undefined, packets: 5 },
    { device: 'docker0', pair: { source: '172.17.0.2', destination: '198.18.0.2' }, packets: 3 },
  ]);
});
