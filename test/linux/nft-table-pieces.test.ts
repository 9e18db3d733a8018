import { isDeepStrictEqual } from 'node:util';
import test from 'ava';
import { ownCopy, revise } from '../../src/linux/nft-made-tables.ts';
import type { NftTableContent } from '../../src/linux/nft-table-content.ts';
import { type NftPieceElements, type NftTablePiece, NftTablePieces } from '../../src/linux/nft-table-pieces.ts';
import { changesElementsOnly, changesNothing, revisionLines } from '../../src/linux/nft-table-revision.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';

const TABLE = { family: 'inet', name: 'weft-test' } as const;
const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000);

function piece(part: Partial<NftTablePiece>): NftTablePiece {
  return { counters: [], sets: {}, chains: {}, ...part };
}

function devices(...elements: readonly string[]): NftTablePiece['sets'] {
  return { from: { type: 'ifname', data: 'verdict', elements: new Set(elements) } };
}

function piecesOf(...all: readonly NftTablePiece[]): NftTablePieces {
  const pieces = new NftTablePieces(TABLE);
  pieces.replace(new Map(all.map((one, index) => [`${index}`, one])));
  return pieces;
}

test('what two pieces have stays until both are gone', (t) => {
  const shared = piece({ counters: ['denied'], chains: { drop: { rules: ['drop'] } } });
  const pieces = piecesOf(shared, shared);
  t.true(changesNothing(pieces.replace(new Map([['0', undefined]]))));
  const { counters, chains } = pieces.replace(new Map([['1', undefined]]));
  t.deepEqual([counters.gone, chains.gone], [['denied'], ['drop']]);
});

test('what one piece leaves and another takes up in the same moment stays', (t) => {
  const shared = piece({ counters: ['denied'] });
  const pieces = piecesOf(shared);
  t.true(
    changesNothing(
      pieces.replace(
        new Map([
          ['0', undefined],
          ['1', shared],
        ]),
      ),
    ),
  );
});

test('elements of one set are those of all pieces, and change with each of them', (t) => {
  const pieces = piecesOf(piece({ sets: devices('wf0 : jump a') }), piece({ sets: devices('wf1 : jump b') }));
  t.deepEqual([...pieces.content().sets['from']!.elements!], ['wf0 : jump a', 'wf1 : jump b']);
  const revision = pieces.replace(new Map([['0', piece({ sets: devices('wf0 : jump c') })]]));
  t.true(changesElementsOnly(revision));
  t.deepEqual(Object.fromEntries(revision.elements), { from: { added: ['wf0 : jump c'], gone: ['wf0 : jump a'] } });
});

test('of a set that the kernel fills, the elements are left alone', (t) => {
  const heard = { type: 'ipv4_addr', details: 'flags dynamic;' };
  const pieces = piecesOf(piece({ sets: { heard } }));
  t.deepEqual(pieces.content().sets, { heard });
  const other = pieces.replace(new Map([['1', piece({ sets: { heard, ...devices('wf0 : jump a') } })]]));
  t.deepEqual([Object.keys(other.sets.added), other.elements.size], [['from'], 0]);
  t.deepEqual(pieces.content().sets['heard'], heard);
});

test('a revision is told to nft in an order in which it can take it', (t) => {
  const old = piece({
    counters: ['old'],
    sets: { hosts: { type: 'ipv4_addr', elements: new Set(['10.0.0.1']) }, ...devices('wf0 : jump old') },
    chains: { old: { rules: ['ip saddr @hosts counter name old return', 'drop'] }, kept: { rules: ['accept'] } },
  });
  const pieces = piecesOf(old);
  const before = pieces.content();
  const content = { ...before, sets: { ...before.sets } };
  const next = piece({
    counters: ['new'],
    sets: {
      blocks: { type: 'ipv4_addr', details: 'flags interval;', elements: new Set(['10.0.0.0/8']) },
      ...devices('wf0 : jump new'),
    },
    chains: { new: { rules: ['ip saddr @blocks counter name new return'] }, kept: { rules: ['drop'] } },
  });
  t.deepEqual(revisionLines(content, pieces.replace(new Map([['0', next]]))), [
    'table inet weft-test {\ncounter new { }\nset blocks { type ipv4_addr; flags interval; }\nchain new {  }\n}',
    'add element inet weft-test blocks { 10.0.0.0/8 }',
    'delete element inet weft-test from { "wf0" : jump old }',
    'add element inet weft-test from { "wf0" : jump new }',
    'flush chain inet weft-test kept',
    'flush chain inet weft-test old',
    'add rule inet weft-test new ip saddr @blocks counter name new return',
    'add rule inet weft-test kept drop',
    'delete chain inet weft-test old',
    'delete set inet weft-test hosts',
    'delete counter inet weft-test old',
  ]);
});

/** Of few names, so that pieces share much. */
function randomPiece(random: SeededRandom, key: string): NftTablePiece {
  const some = (names: readonly string[]): string[] => names.filter(() => random.below(2) === 0);
  return {
    counters: some(['c1', 'c2', 'c3']),
    sets: Object.fromEntries(
      some(['s1', 's2', 's3']).map((name) => [
        name,
        { type: 'mark', elements: new Set(some(['x', 'y']).map((one) => key + one)) },
      ]),
    ),
    chains: Object.fromEntries(some(['n1', 'n2', 'n3']).map((name) => [name, { rules: [`jump ${name}`] }])),
  };
}

/** Other elements of some sets of a piece. */
function randomElements(random: SeededRandom, key: string, { sets }: NftTablePiece): NftPieceElements {
  return new Map(
    Object.entries(sets)
      .filter(() => random.below(2) === 0)
      .map(([name, { elements = new Set<string>() }]) => {
        const wanted = ['x', 'y', 'z'].map((one) => key + one).filter(() => random.below(2) === 0);
        const gone = [...elements].filter((element) => !wanted.includes(element));
        return [name, { gone, added: wanted.filter((element) => !elements.has(element)) }];
      }),
  );
}

function changeElements({ sets }: NftTablePiece, changes: NftPieceElements): void {
  for (const [name, { added, gone }] of changes) {
    const elements = sets[name]!.elements as Set<string>;
    for (const element of gone) elements.delete(element);
    for (const element of added) elements.add(element);
  }
}

/** The same, the slow and obvious way. */
function slowContent(all: ReadonlyMap<string, NftTablePiece>): NftTableContent {
  const sets = new Map<string, Set<string>>();
  for (const one of all.values())
    for (const [name, { elements = [] }] of Object.entries(one.sets))
      sets.set(name, new Set([...(sets.get(name) ?? []), ...elements]));
  return {
    table: TABLE,
    counters: [...new Set([...all.values()].flatMap(({ counters }) => counters))],
    sets: Object.fromEntries([...sets].map(([name, elements]) => [name, { type: 'mark', elements }])),
    chains: Object.fromEntries([...all.values()].flatMap(({ chains }) => Object.entries(chains))),
  };
}

/** Whatever the order: sets and maps are equal in any. Without the chain that says the layout. */
function unordered({ counters, sets, chains }: NftTableContent): unknown {
  const elements = Object.entries(sets).map(([name, set]) => [name, set.elements] as const);
  return [
    new Set(counters),
    new Map(elements),
    new Map(Object.entries(chains).filter(([name]) => !name.startsWith('layout-'))),
  ];
}

test(`whatever pieces come and go, the table is what they have, and so is each revision (SEED=${seed})`, (t) => {
  const random = new SeededRandom(seed);
  const pieces = new NftTablePieces(TABLE);
  const all = new Map<string, NftTablePiece>();
  const made = ownCopy(slowContent(all));
  for (let step = 0; step < 500; step++) {
    const changes = new Map<string, NftTablePiece | undefined>();
    for (let index = random.below(4); index > 0; index--) {
      const key = `p${random.below(5)}`;
      changes.set(key, random.below(3) === 0 ? undefined : randomPiece(random, key));
    }
    const elements = new Map<string, NftPieceElements>();
    for (const [key, one] of all)
      if (!changes.has(key) && random.below(2) === 0) elements.set(key, randomElements(random, key, one));
    for (const [key, one] of changes) {
      if (one === undefined) all.delete(key);
      else all.set(key, structuredClone(one));
    }
    for (const [key, changed] of elements) changeElements(all.get(key)!, changed);
    revise(made, pieces.replace(changes, elements));
    const wanted = unordered(slowContent(all));
    t.true(isDeepStrictEqual(unordered(pieces.content()), wanted), `content of step ${step}`);
    t.true(isDeepStrictEqual(unordered(made), wanted), `revision of step ${step}`);
  }
});
