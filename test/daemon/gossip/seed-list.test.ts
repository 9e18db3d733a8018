import test from 'ava';
import { SeedList } from '../../../src/daemon/gossip/seed-list.ts';
import { formatEndpoint, type Endpoint } from '../../../src/wire/address.ts';
import { endpoint } from '../../support/announcements.ts';
import { silentLogger } from '../../support/silent-logger.ts';

const own = endpoint('198.18.0.1:7948');

function texts(list: SeedList, at: Endpoint = own): string[] {
  return list.endpoints(at).map(formatEndpoint);
}

test('configured seeds come first, then members of the last run, each once, and never this node', async (t) => {
  const seeds = [
    { host: '198.18.0.3', port: 7948 },
    { host: '198.18.0.1', port: 7948 },
  ];
  const stored = [own, endpoint('198.18.0.2:7948'), endpoint('198.18.0.3:7948')];
  const list = new SeedList({ seeds, stored, logger: silentLogger });
  await list.refresh();
  t.deepEqual(texts(list), ['198.18.0.3:7948', '198.18.0.2:7948']);
});

test('a name that does not resolve any more keeps the address that it had, until it has another', async (t) => {
  let answer: readonly string[] | undefined = ['198.18.0.2'];
  const lookUp = async (): Promise<readonly string[]> => {
    if (answer === undefined) throw new Error('no network');
    return await Promise.resolve(answer);
  };
  const list = new SeedList({ seeds: [{ host: 'n2', port: 7948 }], stored: [], logger: silentLogger, lookUp });
  await list.refresh();
  answer = undefined;
  await list.refresh();
  t.deepEqual(texts(list), ['198.18.0.2:7948']);
  answer = ['198.18.0.9'];
  await list.refresh();
  t.deepEqual(texts(list), ['198.18.0.9:7948']);
});

test('a name whose addresses come in another order gives the same list', async (t) => {
  const addresses = ['198.18.0.2', '198.18.0.10', '198.18.0.3'];
  const lookUp = async (): Promise<readonly string[]> => await Promise.resolve(addresses);
  const list = new SeedList({ seeds: [{ host: 'n', port: 1 }], stored: [], logger: silentLogger, lookUp });
  await list.refresh();
  const before = texts(list);
  addresses.reverse();
  await list.refresh();
  t.deepEqual(texts(list), before);
});

test('where this node was before is a seed, the last two places', (t) => {
  const list = new SeedList({ seeds: [], stored: [], logger: silentLogger });
  for (const text of ['198.18.0.2:1', '198.18.0.3:1', '198.18.0.4:1', '198.18.0.3:1']) list.noteFormer(endpoint(text));
  t.deepEqual(texts(list), ['198.18.0.3:1', '198.18.0.4:1']);
  t.deepEqual(texts(list, endpoint('198.18.0.3:1')), ['198.18.0.4:1']);
});
