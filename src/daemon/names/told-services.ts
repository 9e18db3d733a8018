/** Services as the thread of names was told of them: what is as it was is not told again. */
import { MAX_SERVICE_ADDRESSES, type NamedService } from '../../names/service-names.ts';
import { equalIpAddresses, type IpAddress } from '../../wire/address.ts';
import type { ServicesChange } from './names-messages.ts';
import { packAddresses } from './packed-addresses.ts';

/** Services in one message: between two of them, questions are answered. */
const SERVICES_EACH = 1_000;

export class ToldServices {
  #told: ReadonlyMap<string, NamedService> = new Map();

  /**
   * What is different since the last time, in one or more messages; none, if nothing is. It costs some 10 ms of 10 000 services that are as
   * they were.
   *
   * @param services all that there are. Of addresses beyond {@link MAX_SERVICE_ADDRESSES} of a family, nothing is told.
   */
  take(services: Iterable<NamedService>): readonly ServicesChange[] {
    const before = this.#told;
    const told = new Map<string, NamedService>();
    const changed: NamedService[] = [];
    for (const { namespace, name, addresses, isHeadless } of services) {
      const service = { namespace, name, addresses: firstOf(addresses), isHeadless };
      const key = `${namespace}/${name}`;
      told.set(key, service);
      if (!isSame(before.get(key), service)) changed.push(service);
    }
    const gone = [...before].flatMap(([key, { namespace, name }]) => (told.has(key) ? [] : { namespace, name }));
    this.#told = told;
    return [
      ...chunks(gone).map((some) => ({ changed: [], gone: some })),
      ...chunks(changed).map((some) => ({ changed: packed(some), gone: [] })),
    ];
  }
}

function firstOf(addresses: readonly IpAddress[]): readonly IpAddress[] {
  if (addresses.length <= MAX_SERVICE_ADDRESSES) return addresses;
  const of = (wanted: 4 | 6) => addresses.filter(({ family }) => family === wanted).slice(0, MAX_SERVICE_ADDRESSES);
  return [...of(4), ...of(6)];
}

function isSame(before: NamedService | undefined, { addresses, isHeadless }: NamedService): boolean {
  return (
    before !== undefined &&
    before.isHeadless === isHeadless &&
    before.addresses.length === addresses.length &&
    before.addresses.every((address, at) => equalIpAddresses(address, addresses[at]!))
  );
}

function packed(services: readonly NamedService[]): readonly NamedService[] {
  const addresses = packAddresses(services);
  return services.map((service, at) => ({ ...service, addresses: addresses[at]! }));
}

function chunks<Value>(all: readonly Value[]): readonly (readonly Value[])[] {
  const count = Math.ceil(all.length / SERVICES_EACH);
  return Array.from({ length: count }, (_, at) => all.slice(at * SERVICES_EACH, (at + 1) * SERVICES_EACH));
}
