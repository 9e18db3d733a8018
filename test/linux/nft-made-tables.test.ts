import test from 'ava';
import { revised } from '../../src/linux/nft-made-tables.ts';
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

test('where only elements change, nothing else is copied', (t) => {
  const before = content();
  t.is(revised(before, elements), before);
  t.deepEqual([...before.sets['hosts']!.elements!], ['10.0.0.2']);
});

test('what else changes is there afterwards, beside elements of sets that stay', (t) => {
  const before = content();
  const after = revised(before, {
    ...elements,
    counters: { added: ['more'], gone: ['told'] },
    chains: { changed: { output: { rules: ['drop'] } }, gone: ['input'] },
  });
  t.deepEqual(after.counters, ['more']);
  t.deepEqual(after.chains, { output: { rules: ['drop'] } });
  t.is(after.sets['hosts'], before.sets['hosts']);
  t.deepEqual([...after.sets['hosts']!.elements!], ['10.0.0.2']);
});
