import test from 'ava';
import { addressesOf } from '../../../src/daemon/capture/capture-handlers.ts';
import type { Place } from '../../../src/daemon/places/places.ts';
import { ConflictError, NotFoundError } from '../../../src/errors.ts';
import { formatIpAddress, parseIpAddress } from '../../../src/wire/address.ts';

const place = (kind: Place['kind'], label: string, address: string): Place => ({
  kind,
  label,
  node: 'n2',
  addresses: [parseIpAddress(address)!],
  remark: '',
});
const cluster: Readonly<Record<string, Place>> = {
  'n2/web': place('pod', 'n2/web', '10.244.2.2'),
  db: place('pod', 'n2/db', '10.244.2.3'),
  n2: place('node', 'n2', '10.244.2.1'),
};
const own = [{ namespace: 'default', name: 'web', addresses: ['10.244.1.2'], attachment: null }];

async function find(text: string): Promise<Place> {
  if (text === 'twice') throw new ConflictError('place-ambiguous', 'say which of n2/twice, n3/twice');
  const found = cluster[text];
  if (found === undefined) throw new NotFoundError('place-unknown', `${text} is nobody, but n3 could not be asked`);
  return await Promise.resolve(found);
}

async function addresses(name: string, pods = own): Promise<string[]> {
  return (await addressesOf(name, pods, 'n1', { find })).map(formatIpAddress);
}

test('the name of a pod is looked for at this node first, and then in the cluster', async (t) => {
  t.deepEqual(await addresses('web'), ['10.244.1.2']);
  t.deepEqual(await addresses('n2/web'), ['10.244.2.2']);
  t.deepEqual(await addresses('db'), ['10.244.2.3']);
});

test('what is no pod is refused in words that help', async (t) => {
  const nobody = /^n1 has no pod nobody: it has web; in the cluster, nobody is nobody, but n3 could not be asked$/;
  await t.throwsAsync(addresses('nobody'), { code: 'pod-unknown', message: nobody });
  await t.throwsAsync(addresses('n2', []), {
    code: 'pod-unknown',
    message: /^n1 has no pod n2: it has none; .*--peer/,
  });
  await t.throwsAsync(addresses('twice'), { code: 'place-ambiguous' });
});
