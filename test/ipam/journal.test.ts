import test from 'ava';
import { WeftError } from '../../src/errors.ts';
import { formatLine, parseLines } from '../../src/ipam/journal-line.ts';
import { Journal } from '../../src/ipam/journal.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';
import { SimulatedDisk, type WriteKind } from '../support/simulated-disk.ts';

const NAME = 'pods.journal';

function makeDisk(): SimulatedDisk {
  return new SimulatedDisk(new SeededRandom(1));
}

/** A journal with three lines. */
function makeJournal(): { disk: SimulatedDisk; journal: Journal } {
  const disk = makeDisk();
  const journal = new Journal(disk, NAME);
  journal.rewrite(['all']);
  journal.append('one');
  journal.append('two');
  return { disk, journal };
}

function failing(kind: WriteKind, error: string): (asked: WriteKind) => string | undefined {
  return (asked) => (asked === kind ? error : undefined);
}

test('a line is its checksum, its length, its number and JSON in ASCII', (t) => {
  t.is(formatLine(7, { name: 'ä€' }), `5be81696 25 7 {"name":"\\u00e4\\u20ac"}\n`);
  t.deepEqual(parseLines(formatLine(7, { name: 'ä€\n' })).values, [{ name: 'ä€\n' }]);
});

test('lines are read in their order, and each is the number of the one before and 1', (t) => {
  const [first, second, third] = [formatLine(4, 'a'), formatLine(5, 'b'), formatLine(6, 'c')];
  t.deepEqual(parseLines(first + second + third), {
    values: ['a', 'b', 'c'],
    lastNumber: 6,
    lengthBytes: (first + second + third).length,
    end: 'whole',
  });
  t.is(parseLines(first + third).end, 'damaged');
  t.is(parseLines(first + first).end, 'damaged');
});

test('a line that was torn at any byte does not count, and the lines before it do', (t) => {
  const [first, second] = [formatLine(1, 'first'), formatLine(2, 'second')];
  for (let length = 1; length < second.length; length++) {
    const { values, end, lengthBytes } = parseLines(first + second.slice(0, length));
    t.deepEqual([values, end, lengthBytes], [['first'], 'torn', first.length], `${length} bytes`);
  }
});

test('any byte that is another one is found: as damage, if a line follows', (t) => {
  const [first, second, third] = [formatLine(1, 'first'), formatLine(2, 'second'), formatLine(3, 'third')];
  for (let at = first.length; at < first.length + second.length; at++) {
    const text = first + second + third;
    const spoilt = text.slice(0, at) + String.fromCharCode(text.charCodeAt(at) ^ 1) + text.slice(at + 1);
    const { values, end } = parseLines(spoilt);
    t.deepEqual([values, end], [['first'], 'damaged'], `byte ${at}`);
  }
});

test('what was written is read by the next run', (t) => {
  const { disk } = makeJournal();
  t.deepEqual(new Journal(disk, NAME).load(), ['all', 'one', 'two']);
  t.deepEqual(new Journal(disk.afterPowerCut(), NAME).load(), ['all', 'one', 'two']);
});

test('there is nothing before the first write', (t) => {
  const journal = new Journal(makeDisk(), NAME);
  t.is(journal.load(), undefined);
  t.false(journal.canAppend());
});

test('after a torn line the journal is written anew before it goes on', (t) => {
  const { disk } = makeJournal();
  disk.spoil(NAME, (content) => content.slice(0, -3));
  const journal = new Journal(disk, NAME);
  t.deepEqual(journal.load(), ['all', 'one']);
  t.false(journal.canAppend());
  journal.rewrite(['all of one']);
  journal.append('three');
  t.deepEqual(new Journal(disk, NAME).load(), ['all of one', 'three']);
});

for (const [what, change] of Object.entries<(content: string) => string>({
  'the middle': (content) => content.replace('"one"', '"two"'),
  'the first line': (content) => content.replace('"all"', '"ill"'),
  everything: () => '',
  'the first line, alone': (content) => content.slice(0, 5),
})) {
  test(`damage of ${what} is said, and the file stays as it is`, (t) => {
    const { disk } = makeJournal();
    disk.spoil(NAME, change);
    const before = disk.read(NAME);
    const error = t.throws(() => new Journal(disk, NAME).load(), { instanceOf: WeftError });
    t.is(error.code, 'store-corrupt');
    t.regex(error.message, /^\/state\/pods\.journal is damaged at byte \d+ of it, and is left as it is: /);
    t.is(disk.read(NAME), before);
  });
}

test('a full disk: what does not fit is cut off again, and the next line follows what was there', (t) => {
  const { disk, journal } = makeJournal();
  disk.failing = failing('append', 'ENOSPC');
  const error = t.throws(() => journal.append('three'), { instanceOf: WeftError });
  t.is(error.message, '/state/pods.journal cannot be saved: ENOSPC: append');
  t.is(error.details['inDoubt'], undefined);
  t.deepEqual(new Journal(disk, NAME).load(), ['all', 'one', 'two']);
  disk.failing = () => undefined;
  t.true(journal.canAppend());
  journal.append('four');
  t.deepEqual(new Journal(disk, NAME).load(), ['all', 'one', 'two', 'four']);
});

test('a read-only disk leaves no doubt: nothing was written', (t) => {
  const { disk, journal } = makeJournal();
  disk.failing = () => 'EROFS';
  const error = t.throws(() => journal.append('three'), { instanceOf: WeftError });
  t.is(error.details['inDoubt'], undefined);
  disk.failing = () => undefined;
  t.true(journal.canAppend());
});

test('after a line did not get to the disk, the same file is not written to any more', (t) => {
  const { disk, journal } = makeJournal();
  disk.failing = failing('sync', 'EIO');
  const error = t.throws(() => journal.append('three'), { instanceOf: WeftError });
  t.true(error.details['inDoubt']);
  disk.failing = () => undefined;
  t.false(journal.canAppend());
  t.throws(() => journal.append('four'), { instanceOf: TypeError });
  journal.rewrite(['all again']);
  journal.append('four');
  t.deepEqual(new Journal(disk.afterPowerCut(), NAME).load(), ['all again', 'four']);
});

test('a new file that cannot be written leaves the old one, and nothing beside it', (t) => {
  const { disk, journal } = makeJournal();
  disk.failing = failing('create', 'ENOSPC');
  const error = t.throws(() => journal.rewrite(['all again']), { instanceOf: WeftError });
  t.is(error.details['inDoubt'], undefined);
  t.deepEqual(disk.names(), [NAME]);
  t.true(journal.canAppend());
  t.deepEqual(new Journal(disk, NAME).load(), ['all', 'one', 'two']);
});

for (const kind of ['rename', 'syncDirectory'] as const) {
  test(`when ${kind} fails, either file may be there, and the journal goes on after it was written anew`, (t) => {
    const { disk, journal } = makeJournal();
    disk.failing = failing(kind, 'EIO');
    t.true(t.throws(() => journal.rewrite(['all again']), { instanceOf: WeftError }).details['inDoubt']);
    t.false(journal.canAppend());
    disk.failing = () => undefined;
    journal.rewrite(['at last']);
    t.deepEqual(new Journal(disk.afterPowerCut(), NAME).load(), ['at last']);
  });
}

const changes: Readonly<Record<string, readonly [change: (content: string) => string | undefined, damage: RegExp]>> = {
  gone: [() => undefined, /^pods\.journal is gone/],
  longer: [(content) => `${content}\n`, /somebody changed it$/],
  'another one of the same length': [(content) => content.replace('one', 'two'), /somebody changed it$/],
};

for (const [what, [change, damage]] of Object.entries(changes)) {
  test(`a file that is ${what} is damage, until it is written anew; a copy is kept`, (t) => {
    const { disk, journal } = makeJournal();
    t.is(journal.damage(), undefined);
    disk.spoil(NAME, change);
    const spoilt = disk.read(NAME);
    t.regex(journal.damage() ?? '', damage);
    t.is(journal.canAppend(), spoilt?.length === journal.lengthBytes);
    journal.rewrite(['all again']);
    t.is(journal.damage(), undefined);
    t.is(disk.read(`${NAME}.aside`), spoilt);
    t.deepEqual(new Journal(disk, NAME).load(), ['all again']);
  });
}

test('what another run left is written anew before it goes on: its way to the disk may have failed unnoticed', (t) => {
  const { disk, journal } = makeJournal();
  disk.failing = failing('sync', 'EIO');
  t.throws(() => journal.append('three'), { instanceOf: WeftError });
  disk.failing = () => undefined;
  const next = new Journal(disk, NAME);
  t.deepEqual(next.load(), ['all', 'one', 'two', 'three']);
  t.false(next.canAppend());
  next.rewrite(['all of three']);
  t.deepEqual(new Journal(disk.afterPowerCut(), NAME).load(), ['all of three']);
});
