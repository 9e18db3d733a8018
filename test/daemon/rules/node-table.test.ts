import test from 'ava';
import { type NftTableDocument, parseNodeTable } from '../../../src/daemon/rules/node-table.ts';

/** As `nft -nn -j list table` of nftables 1.0.6 writes it. */
function document(handle: number, packets: number, element = '198.18.0.1'): NftTableDocument {
  const parts = [
    { metainfo: { version: '1.0.6' } },
    { counter: { family: 'inet', name: 'not-from-a-node', table: 'weft', handle, packets, bytes: packets * 86 } },
    { set: { family: 'inet', name: 'node4', table: 'weft', type: 'ipv4_addr', handle, elem: [element] } },
    {
      set: {
        family: 'inet',
        name: 'refusedby',
        table: 'weft',
        handle,
        elem: [{ elem: { val: 'docker0', expires: 599, counter: { packets, bytes: packets * 86 } } }],
      },
    },
    {
      set: {
        family: 'inet',
        name: 'refused4',
        table: 'weft',
        handle,
        elem: [
          {
            elem: {
              val: { concat: ['docker0', '172.17.0.2', '198.18.0.2'] },
              expires: 599,
              counter: { packets, bytes: packets * 86 },
            },
          },
        ],
      },
    },
    { rule: { family: 'inet', table: 'weft', chain: 'no-node', handle, expr: [{ counter: 'not-from-a-node' }] } },
  ];
  return { nftables: parts };
}

test('the same rules have the same shape, whatever was counted and whichever nodes are known', (t) => {
  t.is(parseNodeTable(document(1, 5)).shape, parseNodeTable(document(9, 700, '198.18.0.2')).shape);
});

test('other rules have another shape', (t) => {
  const { nftables } = document(1, 5);
  t.not(parseNodeTable({ nftables: nftables.slice(0, -1) }).shape, parseNodeTable(document(1, 5)).shape);
});

test('a sender that was refused is read with its packets', (t) => {
  t.deepEqual(parseNodeTable(document(1, 5)).refused, [
    { device: 'docker0', pair: undefined, packets: 5 },
    { device: 'docker0', pair: { source: '172.17.0.2', destination: '198.18.0.2' }, packets: 5 },
  ]);
});
