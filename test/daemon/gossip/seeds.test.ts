import test from 'ava';
import { resolveSeeds } from '../../../src/daemon/gossip/seeds.ts';
import { formatEndpoint } from '../../../src/wire/address.ts';

const lookUp = async (host: string): Promise<string[]> => {
  if (host === 'n2') return await Promise.resolve(['198.18.0.2', 'fd00::2']);
  throw Object.assign(new Error('not found'), { code: 'ENOTFOUND' });
};

test('addresses stay, names become all of their addresses', async (t) => {
  const { endpoints, unresolved } = await resolveSeeds(
    [
      { host: '198.18.0.9', port: 1 },
      { host: 'n2', port: 2 },
    ],
    lookUp,
  );
  t.deepEqual(endpoints.map(formatEndpoint), ['198.18.0.9:1', '198.18.0.2:2', '[fd00::2]:2']);
  t.deepEqual(unresolved, []);
});

test('an endpoint that was there is not repeated', async (t) => {
  const seed = { host: 'n2', port: 2 };
  const { endpoints } = await resolveSeeds([seed, { host: '198.18.0.2', port: 2 }, seed], lookUp);
  t.is(endpoints.length, 2);
});

test('a name without addresses is named and does not hide the others', async (t) => {
  const { endpoints, unresolved } = await resolveSeeds(
    [
      { host: 'n3', port: 2 },
      { host: 'n2', port: 2 },
    ],
    lookUp,
  );
  t.is(endpoints.length, 2);
  t.deepEqual(unresolved, [{ host: 'n3', problem: 'ENOTFOUND' }]);
});

test('the system resolves localhost', async (t) => {
  const { endpoints } = await resolveSeeds([{ host: 'localhost', port: 2 }]);
  t.true(endpoints.map(formatEndpoint).some((text) => text === '127.0.0.1:2' || text === '[::1]:2'));
});
