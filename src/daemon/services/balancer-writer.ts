/**
 * Gives services of Kubernetes addresses of a load balancer, by writing them into their status. One node does so at a time: the one that has the
 * Lease.
 */
import type { Clock } from '../../env/clock.ts';
import type { Logger } from '../../env/logger.ts';
import type { Random } from '../../env/random.ts';
import { WeftError } from '../../errors.ts';
import type { AddressPool } from '../../services/address-pool.ts';
import {
  balancerAddresses,
  type BalancerMeans,
  isBalanced,
  keptBalancerAddresses,
} from '../../services/balancer-assignment.ts';
import { serviceKey } from '../../services/service-planner.ts';
import type { ShownService } from '../../services/service-record.ts';
import { formatIpAddress, type IpAddress } from '../../wire/address.ts';

export interface BalancerWriterOptions {
  readonly pools: readonly AddressPool[];
  readonly services: () => ReadonlyMap<string, ShownService>;
  /** What hosts have themselves. */
  readonly hosts: () => readonly IpAddress[];
  /** Whether this node is the one that writes now. */
  readonly isWriter: () => boolean;
  /** Whether all services are known. */
  readonly isKnown: () => boolean;
  /** Merges something into an object. */
  readonly patch: (path: string, body: unknown, done: (problem: string) => void) => void;
  readonly random: Random;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** How soon after a change it is looked at, in ms: many come at one time. */
const LOOK_SOON_MS = 200;

/** How often it is looked at in any case, in ms: what could not be written is tried again. */
const LOOK_MS = 10_000;

/** How long what was written may take to be told of, in ms. Until then it counts. */
const TOLD_WITHIN_MS = 60_000;

interface Written {
  readonly addresses: readonly IpAddress[];
  readonly atMs: number;
}

export class BalancerWriter {
  readonly #options: BalancerWriterOptions;
  readonly #written = new Map<string, Written>();
  #isLooking = false;
  #isStopped = false;

  constructor(options: BalancerWriterOptions) {
    this.#options = options;
  }

  start(): void {
    if (this.#isStopped) return;
    this.update();
    this.#options.clock.after(LOOK_MS, () => this.start());
  }

  /** To be called whenever services may be others than before, and when this node begins to write. */
  update(): void {
    if (this.#isLooking || this.#isStopped) return;
    this.#isLooking = true;
    this.#options.clock.after(LOOK_SOON_MS, () => {
      this.#isLooking = false;
      if (!this.#isStopped) this.#look();
    });
  }

  stop(): void {
    this.#isStopped = true;
  }

  #look(): void {
    const { services, pools, hosts, isWriter, isKnown, random, clock } = this.#options;
    if (!isWriter() || !isKnown()) return;
    const all = services();
    for (const [key, { atMs }] of this.#written)
      if (!all.has(key) || clock.nowMs() - atMs > TOLD_WITHIN_MS) this.#written.delete(key);
    const balanced = new Map(
      [...all]
        .filter(([, service]) => isBalanced(service))
        .map(([key, service]) => {
          const { addresses } = this.#written.get(key) ?? { addresses: service.loadBalancerAddresses };
          return [key, { ...service, loadBalancerAddresses: addresses }] as const;
        }),
    );
    const held = hosts();
    // Who has addresses comes first, in order of names: nobody gets what another was told.
    const inOrder = [...balanced.keys()].toSorted((a, b) => {
      const difference = Number(hasAddress(balanced.get(b)!)) - Number(hasAddress(balanced.get(a)!));
      return difference || (a < b ? -1 : 1);
    });
    const settled: ShownService[] = [];
    for (const key of inOrder) {
      const service = balanced.get(key)!;
      // Of those that have the same by mistake, the first one keeps it.
      const others = hasAddress(service) ? settled : [...balanced.values()].filter((one) => one !== service);
      const addresses = addressesFor(service, { pools, others, hosts: held, random });
      const given = { ...service, loadBalancerAddresses: addresses };
      balanced.set(key, given);
      settled.push(given);
      if (wordsOf(addresses) !== wordsOf(service.loadBalancerAddresses)) this.#write(given);
    }
  }

  #write(service: ShownService): void {
    const { patch, clock, logger } = this.#options;
    const { namespace, name, loadBalancerAddresses: addresses } = service;
    const key = serviceKey(service);
    this.#written.set(key, { addresses, atMs: clock.nowMs() });
    const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/services/${encodeURIComponent(name)}/status`;
    const ingress = addresses.map((address) => ({ ip: formatIpAddress(address), ipMode: 'VIP' }));
    patch(path, { status: { loadBalancer: { ingress } } }, (problem) => {
      if (problem === '') logger.info({ service: key, addresses: wordsOf(addresses) }, 'a service has addresses');
      else logger.warn({ service: key, problem }, 'addresses cannot be written into a service');
      if (problem !== '') this.#written.delete(key);
    });
  }
}

/** What it cannot have it does not get; the doctor says why. */
function addressesFor(service: ShownService, means: BalancerMeans): readonly IpAddress[] {
  const families = service.clusterAddresses.map(({ family }) => family);
  try {
    return families.length === 0 ? [] : balancerAddresses(service, families, means);
  } catch (error) {
    if (!(error instanceof WeftError)) throw error;
    return keptBalancerAddresses(service, means);
  }
}

function hasAddress({ loadBalancerAddresses }: ShownService): boolean {
  return loadBalancerAddresses.length > 0;
}

function wordsOf(addresses: readonly IpAddress[]): string {
  return addresses.map(formatIpAddress).join(' ');
}
