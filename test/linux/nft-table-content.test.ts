import test from 'ava';
import {
  changeLines,
  creationLines,
  draftLines,
  type NftTableContent,
  quotedElements,
  refillLines,
  withLayout,
} from '../../src/linux/nft-table-content.ts';

const content: NftTableContent = {
  table: { family: 'inet', name: 'weft' },
  counters: ['refused'],
  sets: {
    node4: { type: 'ipv4_addr', elements: new Set(['198.18.0.1', '198.18.0.2']) },
    own: { type: 'ifname . ipv4_addr', elements: new Set(['eth0.7 . 198.18.0.1']) },
    seen: { type: 'ifname', details: 'flags dynamic;' },
  },
  chains: {
    refuse: { rules: ['update @seen { iifname }', 'drop'] },
    input: { hook: 'type filter hook input priority 0; policy accept;', rules: ['ip saddr != @node4 goto refuse'] },
  },
};

function changed(change: Partial<NftTableContent>): NftTableContent {
  return { ...content, ...change };
}

test('a draft of a table declares the same, and has no rules', (t) => {
  const [, , made] = creationLines(content);
  const [add, remove, draft, ...more] = draftLines(content);
  t.deepEqual([add, remove], ['add table inet weft-draft', 'delete table inet weft-draft']);
  t.is(draft, made!.replace('table inet weft {\n', 'table inet weft-draft {\n'));
  t.deepEqual(more, []);
});

test('a table is made from nothing in the order in which nft can take it', (t) => {
  t.deepEqual(creationLines(content), [
    'add table inet weft',
    'delete table inet weft',
    [
      'table inet weft {',
      'counter refused { }',
      'set node4 { type ipv4_addr; }',
      'set own { type ifname . ipv4_addr; }',
      'set seen { type ifname; flags dynamic; }',
      'chain refuse {  }',
      'chain input { type filter hook input priority 0; policy accept; }',
      '}',
    ].join('\n'),
    'add rule inet weft refuse update @seen { iifname }',
    'add rule inet weft refuse drop',
    'add rule inet weft input ip saddr != @node4 goto refuse',
    'add element inet weft node4 { 198.18.0.1, 198.18.0.2 }',
    'add element inet weft own { "eth0.7" . 198.18.0.1 }',
  ]);
});

test('a table of the same layout is filled again, and neither its counters nor what the kernel put into sets are named', (t) => {
  const lines = refillLines(content);
  t.deepEqual(
    lines.filter((line) => !line.startsWith('add ')),
    [
      'flush chain inet weft refuse',
      'flush chain inet weft input',
      'flush set inet weft node4',
      'flush set inet weft own',
    ],
  );
  t.false(lines.some((line) => /counter|set inet weft seen|element inet weft seen|table inet weft/.test(line)));
});

test('where nothing differs, nothing is changed', (t) => {
  t.deepEqual(changeLines(content, { ...content }), []);
});

test('of a set, only elements that differ are changed, and what goes makes room first', (t) => {
  const node4 = { type: 'ipv4_addr', elements: new Set(['198.18.0.2', '198.18.0.3']) };
  t.deepEqual(changeLines(content, changed({ sets: { ...content.sets, node4 } })), [
    'delete element inet weft node4 { 198.18.0.1 }',
    'add element inet weft node4 { 198.18.0.3 }',
  ]);
});

test('a chain whose rules differ is filled again, and no other', (t) => {
  const input = { ...content.chains['input']!, rules: ['drop'] };
  t.deepEqual(changeLines(content, changed({ chains: { ...content.chains, input } })), [
    'flush chain inet weft input',
    'add rule inet weft input drop',
  ]);
});

test('what is new is declared, and what is gone is deleted when no rule needs it any more', (t) => {
  const { input } = content.chains;
  const chains = { others: { rules: ['accept'] }, input: { ...input!, rules: ['goto others'] } };
  const sets = { own: content.sets['own']!, fresh: { type: 'ipv6_addr', elements: new Set(['fd00::1']) } };
  t.deepEqual(changeLines(content, changed({ counters: ['let-in'], sets, chains })), [
    'table inet weft {\ncounter let-in { }\nset fresh { type ipv6_addr; }\nchain others {  }\n}',
    'add element inet weft fresh { fd00::1 }',
    'flush chain inet weft refuse',
    'add rule inet weft others accept',
    'flush chain inet weft input',
    'add rule inet weft input goto others',
    'delete chain inet weft refuse',
    'delete set inet weft node4',
    'delete set inet weft seen',
    'delete counter inet weft refused',
  ]);
});

test('what is declared in another way cannot be changed', (t) => {
  const node4 = { type: 'ipv4_addr', details: 'flags interval;', elements: new Set<string>() };
  t.is(changeLines(content, changed({ sets: { ...content.sets, node4 } })), undefined);
  const input = { hook: 'type filter hook input priority 1; policy accept;', rules: [] };
  t.is(changeLines(content, changed({ chains: { ...content.chains, input } })), undefined);
});

function layoutOf(some: NftTableContent): string {
  return Object.keys(withLayout(some).chains).at(-1)!;
}

test('the layout is in the name of a chain: declarations change it, rules and elements do not', (t) => {
  const layout = layoutOf(content);
  t.regex(layout, /^layout-[0-9a-f]{12}$/);
  const node4 = { type: 'ipv4_addr', elements: new Set<string>() };
  const refuse = { rules: [] };
  t.is(layoutOf(changed({ sets: { ...content.sets, node4 }, chains: { ...content.chains, refuse } })), layout);
  t.not(layoutOf(changed({ sets: { ...content.sets, node4: { ...node4, details: 'size 9;' } } })), layout);
  t.not(layoutOf(changed({ sets: { ...content.sets, node4: { type: 'ipv4_addr' } } })), layout);
  t.not(layoutOf(changed({ counters: [] })), layout);
});

test('names of devices are quoted, wherever they are in an element', (t) => {
  t.is(quotedElements('ipv4_addr . ifname', ['10.0.0.1 . wf0', '10.0.0.2 . lo']), '10.0.0.1 . "wf0", 10.0.0.2 . "lo"');
  t.is(quotedElements('ipv4_addr', ['10.0.0.1', '10.0.0.2']), '10.0.0.1, 10.0.0.2');
});

const withMap: NftTableContent = {
  ...content,
  sets: { ...content.sets, from: { type: 'ifname', data: 'verdict', elements: new Set(['wf0 : jump refuse']) } },
};

test('a map is declared with what its keys stand for, and keys are quoted like elements', (t) => {
  const [, , made, ...rest] = creationLines(withMap);
  t.true(made!.includes('\nmap from { type ifname : verdict; }\n'));
  t.true(rest.includes('add element inet weft from { "wf0" : jump refuse }'));
  t.true(refillLines(withMap).includes('flush map inet weft from'));
  t.true(changeLines(withMap, content)!.includes('delete map inet weft from'));
  t.not(
    Object.keys(withLayout(withMap).chains).at(-1),
    Object.keys(
      withLayout({ ...withMap, sets: { ...content.sets, from: { type: 'ifname', elements: new Set() } } }).chains,
    ).at(-1),
  );
});

test('a table that is made anew begins with the counts of the one before', (t) => {
  t.true(creationLines(content, new Map([['refused', 7]]))[2]!.includes('counter refused { packets 7 bytes 0 }'));
});
