import test from 'ava';
import { rulebookNotices } from '../../../src/daemon/rulebook/rulebook-notices.ts';

function codes(...refused: readonly string[]): readonly string[] {
  return rulebookNotices({ refuses: (reason) => refused.includes(reason) }).map(({ code }) => code);
}

test('what is refused of others is said, and nothing else', (t) => {
  t.deepEqual(codes(), []);
  t.deepEqual(codes('rumour-invalid', 'rulebook-full'), ['rulebook-full']);
  t.deepEqual(codes('entry-invalid'), ['rulebook-entry-invalid']);
});
