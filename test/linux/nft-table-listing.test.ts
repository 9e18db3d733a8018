import test from 'ava';
import type { NftTableContent } from '../../src/linux/nft-table-content.ts';
import { Abi } from '../../src/linux/kernel-abi.ts';
import type { NftAttributes, NftTableDump } from '../../src/linux/nft-netlink.ts';
import { isListingOf, listingOf, packetsOf, parseElements, partsOf } from '../../src/linux/nft-table-listing.ts';

/** A text with its NUL, or a number in network order. */
function encode(value: string | number): Uint8Array {
  return typeof value === 'string'
    ? new TextEncoder().encode(`${value}\0`)
    : Uint8Array.of(0, 0, value >> 8, value & 255);
}

/** What is said of one thing, by type of attribute. */
function item(values: Readonly<Record<number, string | number>>): NftAttributes {
  return new Map(Object.entries(values).map(([type, value]) => [Number(type), encode(value)]));
}

interface Change {
  /** What the counter counted, and how many elements there are in the set: attributes that change by themselves. */
  readonly packets?: number;
  /** What the rule says. */
  readonly expressions?: string;
  readonly keyType?: number;
  readonly more?: Partial<NftTableDump>;
}

/** One of the table below, with a set that belongs to a rule. */
function dumpOf({ packets = 0, expressions = 'counter', keyType = 7, more = {} }: Change = {}): NftTableDump {
  return {
    tables: [item({ [Abi.NFTA_TABLE_FLAGS]: 0 })],
    chains: [item({ [Abi.NFTA_CHAIN_NAME]: 'no-node', [Abi.NFTA_CHAIN_HANDLE]: 1, 6: packets })],
    rules: [item({ [Abi.NFTA_RULE_CHAIN]: 'no-node', [Abi.NFTA_RULE_EXPRESSIONS]: expressions })],
    sets: [
      item({ [Abi.NFTA_SET_NAME]: 'node4', [Abi.NFTA_SET_FLAGS]: 0, [Abi.NFTA_SET_KEY_TYPE]: keyType, 20: packets }),
      item({ [Abi.NFTA_SET_NAME]: '__set0', [Abi.NFTA_SET_FLAGS]: Abi.NFT_SET_ANONYMOUS }),
    ],
    objects: [
      item({
        [Abi.NFTA_OBJ_NAME]: 'not-from-a-node',
        [Abi.NFTA_OBJ_TYPE]: Abi.NFT_OBJECT_COUNTER,
        [Abi.NFTA_OBJ_DATA]: packets,
      }),
    ],
    flowtables: [],
    ...more,
  };
}

const content: NftTableContent = {
  table: { family: 'inet', name: 'weft' },
  counters: ['not-from-a-node'],
  sets: { node4: { type: 'ipv4_addr', elements: new Set(['198.18.0.1']) } },
  chains: { 'no-node': { rules: ['counter name not-from-a-node'] } },
};

test('the same rules have the same shape, whatever was counted and however many elements there are', (t) => {
  t.deepEqual(listingOf(dumpOf({ packets: 5 })), listingOf(dumpOf({ packets: 700 })));
});

test('other rules have another shape, and the same layout', (t) => {
  const [one, other] = [listingOf(dumpOf()), listingOf(dumpOf({ expressions: 'accept' }))];
  t.not(one.shape, other.shape);
  t.is(one.layout, other.layout);
});

test('what is declared in another way has another layout', (t) => {
  t.not(listingOf(dumpOf()).layout, listingOf(dumpOf({ keyType: 8 })).layout);
});

test('another table with the same declarations has the same layout, and another shape', (t) => {
  const chains = [item({ [Abi.NFTA_CHAIN_NAME]: 'no-node', [Abi.NFTA_CHAIN_HANDLE]: 77 })];
  const [one, other] = [listingOf(dumpOf()), listingOf(dumpOf({ more: { chains } }))];
  t.is(one.layout, other.layout);
  t.not(one.shape, other.shape);
});

test('a table that is switched off is no listing of what should be there', (t) => {
  const tables = [item({ [Abi.NFTA_TABLE_FLAGS]: Abi.NFT_TABLE_F_DORMANT })];
  const dormant = listingOf(dumpOf({ more: { tables } }));
  t.false(isListingOf(dormant, content, false));
  t.not(dormant.shape, listingOf(dumpOf()).shape);
});

test('a listing is compared with what should be there, by names and by number of rules', (t) => {
  t.true(isListingOf(listingOf(dumpOf()), content, true));
  const without = listingOf(dumpOf({ more: { rules: [] } }));
  t.false(isListingOf(without, content, true));
  t.true(isListingOf(without, content, false));
  const flowtables = [item({ [Abi.NFTA_FLOWTABLE_NAME]: 'fast' })];
  t.false(isListingOf(listingOf(dumpOf({ more: { flowtables } })), content, false));
  const quota = [item({ [Abi.NFTA_OBJ_NAME]: 'not-from-a-node', [Abi.NFTA_OBJ_TYPE]: 2 })];
  t.false(isListingOf(listingOf(dumpOf({ more: { objects: quota } })), content, false));
  t.false(isListingOf(listingOf(dumpOf()), { ...content, counters: [] }, false));
});

function set(name: string, ...elem: unknown[]) {
  return { set: { name, elem } };
}

test('elements are read as they are written: alone, in several parts, as prefixes, with a counter', (t) => {
  const elements = parseElements({
    nftables: [
      set('alone', 'eth0', '198.18.0.1'),
      set('parts', { concat: ['wf01234567', { prefix: { addr: '10.244.7.0', len: 24 } }, '02:00:00:00:00:01'] }),
      set('prefixes', { prefix: { addr: 'fd00::', len: 64 } }),
      set('counted', { elem: { val: 'wf01234567', counter: { packets: 3, bytes: 9 } } }),
      { set: { name: 'empty' } },
    ],
  });
  t.deepEqual(Object.fromEntries([...elements].map(([name, all]) => [name, [...all]])), {
    alone: ['eth0', '198.18.0.1'],
    parts: ['wf01234567 . 10.244.7.0/24 . 02:00:00:00:00:01'],
    prefixes: ['fd00::/64'],
    counted: ['wf01234567'],
    empty: [],
  });
});

test('elements of a map are read with their verdicts', (t) => {
  const elem = [
    ['wf0', { jump: { target: 'in' } }],
    ['wf1', { goto: { target: 'out' } }],
    [{ concat: ['wf2', 80] }, { drop: null }],
  ];
  const elements = parseElements({ nftables: [{ map: { name: 'from', elem } }] });
  t.deepEqual([...elements.get('from')!], ['wf0 : jump in', 'wf1 : goto out', 'wf2 . 80 : drop']);
});

test('an element with a time-out has its parts, and packets if they are counted', (t) => {
  const element = {
    elem: { val: { concat: ['docker0', '172.17.0.2'] }, expires: 99, counter: { packets: 5, bytes: 9 } },
  };
  t.deepEqual(partsOf(element), ['docker0', '172.17.0.2']);
  t.is(packetsOf(element), 5);
  t.is(packetsOf('docker0'), 0);
});
