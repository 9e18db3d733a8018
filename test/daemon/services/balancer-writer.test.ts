import test from 'ava';
import { BalancerWriter } from '../../../src/daemon/services/balancer-writer.ts';
import { parsePool } from '../../../src/services/address-pool.ts';
import { readService } from '../../../src/services/read-service.ts';
import { serviceKey } from '../../../src/services/service-planner.ts';
import type { ShownService } from '../../../src/services/service-record.ts';
import { SeededRandom } from '../../../src/sim/seeded-random.ts';
import { parseIpAddress } from '../../../src/wire/address.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { silentLogger } from '../../support/silent-logger.ts';

function service(name: string, spec: object = {}, status?: readonly string[], annotations: object = {}): ShownService {
  const reading = readService({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'shop', annotations },
    spec: { type: 'LoadBalancer', clusterIP: '10.96.0.1', ports: [{ port: 80 }], ...spec },
    ...(status !== undefined && { status: { loadBalancer: { ingress: status.map((ip) => ({ ip, ipMode: 'VIP' })) } } }),
  });
  if (reading.service === undefined) throw new Error(reading.problems.join('; '));
  return reading.service;
}

function writer(pool: string, ...services: readonly ShownService[]) {
  const clock = new ManualClock();
  const all = new Map(services.map((one) => [serviceKey(one), one]));
  const written: string[] = [];
  const state = { isWriter: true, problem: '' };
  const made = new BalancerWriter({
    pools: [parsePool(pool)!],
    services: () => all,
    hosts: () => [parseIpAddress('192.0.2.12')!],
    isWriter: () => state.isWriter,
    isKnown: () => true,
    patch: (path, body, done) => {
      const { ingress } = (body as { status: { loadBalancer: { ingress: { ip: string }[] } } }).status.loadBalancer;
      written.push(`${path.split('/').at(-2)!} ${ingress.map(({ ip }) => ip).join(' ')}`.trim());
      done(state.problem);
    },
    random: new SeededRandom(3),
    clock,
    logger: silentLogger,
  });
  made.start();
  clock.advance(1_000);
  return { made, clock, all, written, state };
}

test('services without an address get one that nobody has, and those that have one keep it', (t) => {
  const { written } = writer('192.0.2.10-192.0.2.13', service('a'), service('b', {}, ['192.0.2.10']), service('c'));
  t.is(written.length, 2);
  t.deepEqual(new Set(written.map((text) => text.split(' ')[0])), new Set(['a', 'c']));
  const given = new Set(written.map((text) => text.split(' ')[1]));
  t.deepEqual(given, new Set(['192.0.2.11', '192.0.2.13']));
});

test('what was written is not written again while the API has not told it', (t) => {
  const { clock, written, made } = writer('192.0.2.10-192.0.2.13', service('a'));
  made.update();
  clock.advance(5_000);
  t.is(written.length, 1);
  clock.advance(30_000);
  t.is(written.length, 1);
});

test('what could not be written is tried again', (t) => {
  const { clock, written, state, all, made } = writer('192.0.2.10-192.0.2.13');
  state.problem = 'HTTP 500';
  all.set('shop/a', service('a'));
  made.update();
  clock.advance(30_000);
  t.true(written.length > 1);
  state.problem = '';
  clock.advance(10_000);
  const { length } = written;
  clock.advance(30_000);
  t.is(written.length, length);
});

test('who does not hold the Lease writes nothing', (t) => {
  const { clock, written, state, all, made } = writer('192.0.2.10-192.0.2.13');
  state.isWriter = false;
  all.set('shop/a', service('a'));
  made.update();
  clock.advance(30_000);
  t.deepEqual(written, []);
});

test('an address that it may not have any more is taken back, one of two that have the same is moved', (t) => {
  const outside = writer('192.0.2.10-192.0.2.10', service('a', {}, ['192.0.2.10']), service('b', {}, ['198.51.100.1']));
  t.deepEqual(outside.written, ['b']);
  const same = writer('192.0.2.10-192.0.2.11', service('a', {}, ['192.0.2.10']), service('b', {}, ['192.0.2.10']));
  t.deepEqual(same.written, ['b 192.0.2.11']);
  const moved = writer(
    '192.0.2.10-192.0.2.11',
    service('a', {}, ['192.0.2.10'], { 'weft.dev/load-balancer-addresses': '192.0.2.11' }),
  );
  t.deepEqual(moved.written, ['a 192.0.2.11']);
});

test('services of another class are left alone', (t) => {
  const foreign = service('a', { loadBalancerClass: 'example.com/metal' }, ['198.51.100.1']);
  t.deepEqual(writer('192.0.2.10-192.0.2.13', foreign).written, []);
  t.is(
    writer('192.0.2.10-192.0.2.13', service('b', { loadBalancerClass: 'weft.dev/load-balancer' })).written.length,
    1,
  );
});
