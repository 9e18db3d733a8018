import test from 'ava';
import { ToldServices } from '../../../src/daemon/names/told-services.ts';
import type { ServicesChange } from '../../../src/daemon/names/names-messages.ts';
import type { NamedService } from '../../../src/names/service-names.ts';
import { formatIpAddress, parseIpAddress } from '../../../src/wire/address.ts';

function service(name: string, ...texts: readonly string[]): NamedService {
  const addresses = texts.map((text) => parseIpAddress(text)!);
  return { namespace: 'shop', name, addresses, isHeadless: false };
}

const web = service('web', '10.96.0.7', 'fd00:10:96::7');
const db = service('db', '10.96.0.8');

/** `shop/web 10.96.0.7` of each message, and `shop/web gone`. */
function words(changes: readonly ServicesChange[]): readonly string[] {
  return changes.flatMap(({ changed, gone }) => [
    ...changed.map(({ namespace, name, addresses }) =>
      [`${namespace}/${name}`, ...addresses.map(formatIpAddress)].join(' '),
    ),
    ...gone.map(({ namespace, name }) => `${namespace}/${name} gone`),
  ]);
}

const tells = test.macro({
  exec: (t, before: readonly NamedService[], after: readonly NamedService[], ...expected: string[]) => {
    const told = new ToldServices();
    told.take(before);
    t.deepEqual(words(told.take(after)), expected);
    t.deepEqual(told.take(after), []);
  },
  title: (name = '') => `it is told: ${name}`,
});

test('a service that is new', tells, [db], [db, web], 'shop/web 10.96.0.7 fd00:10:96::7');
test('a service that is gone', tells, [db, web], [db], 'shop/web gone');
test('another address', tells, [db, web], [db, service('web', '10.96.0.9')], 'shop/web 10.96.0.9');
test('one address less', tells, [web], [service('web', '10.96.0.7')], 'shop/web 10.96.0.7');
test('a service that is headless now', tells, [db], [{ ...db, isHeadless: true }], 'shop/db 10.96.0.8');
test('the same in another namespace', tells, [db], [{ ...db, namespace: 'x' }], 'shop/db gone', 'x/db 10.96.0.8');
test(
  'nothing, of services that are as they were',
  tells,
  [db, web],
  [service('web', '10.96.0.7', 'fd00:10:96::7'), db],
);
test('nothing, where there are none', tells, [], []);

test('of each family, no more addresses are told than an answer has room for', (t) => {
  const told = new ToldServices();
  const numbers = Array.from({ length: 250 }, (_, at) => at + 1);
  const texts = numbers.flatMap((at) => [`10.244.1.${at}`, `fd00::${at}`]);
  const [first, ...others] = told.take([service('db', ...texts)]);
  t.deepEqual(others, []);
  const addresses = first!.changed[0]!.addresses.map(formatIpAddress);
  const firstOf = (start: string) => texts.filter((text) => text.startsWith(start)).slice(0, 200);
  t.deepEqual(addresses, [...firstOf('10.'), ...firstOf('fd00:')]);
  t.deepEqual(told.take([service('db', ...texts.slice(0, 450))]), [], 'what is beyond is not looked at');
});

test('many services are told in several messages, whose addresses lie in one buffer each', (t) => {
  const told = new ToldServices();
  const many = Array.from({ length: 2_500 }, (_, at) => service(`s${at}`, `10.96.${at >> 8}.${at & 255}`));
  const changes = told.take(many);
  t.deepEqual(
    changes.map(({ changed, gone }) => [changed.length, gone.length]),
    [
      [1_000, 0],
      [1_000, 0],
      [500, 0],
    ],
  );
  t.deepEqual(
    changes.flatMap(({ changed }) => changed),
    many,
  );
  t.is(new Set(changes.flatMap(({ changed }) => changed[0]!.addresses[0]!.bytes.buffer)).size, 3);
  t.deepEqual(
    told.take([]).map(({ gone }) => gone.length),
    [1_000, 1_000, 500],
  );
});
