import test from 'ava';
import type { Store } from '../../../src/env/store.ts';
import { StateFile } from '../../../src/daemon/state/state-file.ts';
import { PodBook } from '../../../src/daemon/pods/pod-book.ts';
import { WeftError } from '../../../src/errors.ts';
import { parsePrefix } from '../../../src/wire/prefix.ts';

/** A store whose content tests may spoil. */
function bookIn(store: { content: unknown }): PodBook {
  const memory: Store = {
    load() {
      if (store.content instanceof Error) throw store.content;
      return store.content;
    },
    save(document) {
      store.content = JSON.parse(JSON.stringify(document));
    },
  };
  const book = new PodBook(new StateFile('pods.json', memory), [parsePrefix('10.244.1.0/24')!]);
  book.save();
  return book;
}

test('what was just stored is not damaged', (t) => {
  t.is(bookIn({ content: undefined }).damage(), undefined);
});

const damages: Readonly<Record<string, readonly [content: unknown, damage: RegExp]>> = {
  gone: [undefined, /^pods\.json is gone/],
  'another one': [{ pods: [] }, /somebody changed it$/],
  'not JSON any more': [
    new WeftError('store-corrupt', 'pods.json cannot be read: run "weft reset"', {}, new Error('unexpected end')),
    /^pods\.json in the state directory cannot be read: unexpected end$/,
  ],
};

for (const [what, [content, damage]] of Object.entries(damages)) {
  test(`a file that is ${what} is damaged, until it is stored anew`, (t) => {
    const store: { content: unknown } = { content: undefined };
    const book = bookIn(store);
    store.content = content;
    t.regex(book.damage() ?? '', damage);
    book.save();
    t.is(book.damage(), undefined);
  });
}
