import test from 'ava';
import { sealAnnouncement } from '../../src/membership/announcement-codec.ts';
import type { MemberState } from '../../src/membership/announcement.ts';
import { LostNodes } from '../../src/membership/lost-nodes.ts';
import { MemberTable } from '../../src/membership/member-table.ts';
import { defaultParameters } from '../../src/membership/parameters.ts';
import { announcementOf, identityOf } from '../support/announcements.ts';

const own = announcementOf(1).gossipEndpoint;

function bench(): {
  table: MemberTable;
  lost: LostNodes;
  become: (number: number, state: MemberState, at?: number) => void;
} {
  const table = new MemberTable(identityOf(1), defaultParameters);
  let incarnation = 0;
  return {
    table,
    lost: new LostNodes(table),
    become: (number, state, at = number) => {
      incarnation++;
      const sealed = sealAnnouncement(announcementOf(number, { gossipEndpoint: announcementOf(at).gossipEndpoint }));
      table.apply(
        { identity: identityOf(number), incarnation, state, sealed, announcedAt: incarnation, ageSeconds: 0 },
        0,
      );
    },
  };
}

/** Last octets of the next `count` endpoints. */
function turns(lost: LostNodes, count: number, seeds: readonly number[] = []): (number | undefined)[] {
  const endpoints = seeds.map((number) => announcementOf(number).gossipEndpoint);
  return Array.from({ length: count }, () => lost.next(endpoints, own)?.address.bytes[3]);
}

test('seeds and the dead alternate, each kind in turn', (t) => {
  const { lost, become } = bench();
  for (const number of [10, 11, 12]) become(number, 'dead');
  t.deepEqual(turns(lost, 8, [20, 21]), [20, 10, 21, 11, 20, 12, 21, 10]);
});

test('who died last is tried first, then the one tried least recently', (t) => {
  const { lost, become } = bench();
  become(10, 'dead');
  become(11, 'dead');
  t.deepEqual(turns(lost, 3), [10, 11, 10]);
  become(12, 'dead');
  t.deepEqual(turns(lost, 4), [12, 11, 10, 12]);
});

test('who is alive, suspect or forgotten is not sought, and who dies again is', (t) => {
  const { table, lost, become } = bench();
  for (const number of [10, 12, 13]) become(number, 'dead');
  t.is(turns(lost, 4).length, 4);
  become(10, 'alive');
  become(12, 'suspect');
  table.forget(identityOf(13), 100);
  t.deepEqual(turns(lost, 2, [10]), [undefined, undefined]);
  become(10, 'dead');
  t.deepEqual(turns(lost, 2), [10, 10]);
});

test('those who left have every fourth turn, and those only', (t) => {
  const { lost, become } = bench();
  become(10, 'left');
  become(11, 'left');
  t.deepEqual(turns(lost, 8), [undefined, undefined, undefined, 10, undefined, undefined, undefined, 11]);
  become(12, 'dead');
  t.deepEqual(turns(lost, 8, [20]), [20, 12, 20, 10, 12, 20, 12, 11]);
});

test('a dead member whose address somebody alive has now is not sought there', (t) => {
  const { lost, become } = bench();
  become(10, 'dead');
  become(11, 'alive', 10);
  become(12, 'dead', 1);
  t.deepEqual(turns(lost, 2), [undefined, undefined]);
});

test('where this node was before, it looks for whom it may have swapped addresses with', (t) => {
  const { lost, become } = bench();
  become(10, 'alive', 1);
  lost.noteFormer(announcementOf(30).gossipEndpoint);
  t.deepEqual(turns(lost, 2), [30, 30]);
  become(10, 'alive', 30);
  t.deepEqual(turns(lost, 1), [undefined]);
});

test('two thousand dead have their turns', (t) => {
  const { lost, become } = bench();
  for (let number = 2; number <= 2_000; number++) become(number, 'dead');
  const seen = new Set(Array.from({ length: 1_999 }, () => JSON.stringify(lost.next([], own))));
  t.is(seen.size, 1_999);
});
