import test from 'ava';
import { ownCopy, revise } from '../../src/linux/nft-made-tables.ts';
import type { NftTableContent } from '../../src/linux/nft-table-content.ts';
import type { NftTableRevision } from '../../src/linux/nft-table-revision.ts';

function content(): NftTableContent {
  return {
    table: { family: 'inet', name: 'weft-test' },
    counters: ['told'],
    sets: { hosts: { type: 'ipv4_addr', elements: new Set(['10.0.0.1']) } },
    chains: { input: { rules: ['ip saddr @hosts accept'] } },
  };
}

const elements: NftTableRevision = {
  counters: { added: [], gone: [] },
  sets: { added: {}, gone: [] },
  elements: new Map([['hosts', { added: ['10.0.0.2'], gone: ['10.0.0.1'] }]]),
  chains: { changed: {}, gone: [] },
};

test('where only elements change, nothing else does', (t) => {
  const made = ownCopy(content());
  const { counters, sets, chains } = structuredClone(made);
  revise(made, elements);
  t.deepEqual(made, {
    table: made.table,
    counters,
    sets: { hosts: { ...sets['hosts']!, elements: new Set(['10.0.0.2']) } },
    chains,
  });
});

test('what else changes is there afterwards, beside elements of sets that stay', (t) => {
  const before = content();
  const made = ownCopy(before);
  const { hosts } = made.sets;
  revise(made, {
    counters: { added: ['more'], gone: ['told'] },
    sets: { added: { more: { type: 'mark', elements: new Set(['1']) } }, gone: [] },
    elements: elements.elements,
    chains: { changed: { output: { rules: ['drop'] } }, gone: ['input'] },
  });
  t.deepEqual(made.counters, ['more']);
  t.deepEqual(
    Object.keys(made.chains).filter((name) => !name.startsWith('layout-')),
    ['output'],
  );
  t.deepEqual(Object.keys(made.sets), ['hosts', 'more']);
  t.is(made.sets['hosts'], hosts);
  t.deepEqual([...hosts!.elements!], ['10.0.0.2']);
  t.deepEqual(before, content());
});
