/** Services at random, with backends in every state, so that much of them meets. */
import type { PlanningNode } from '../../src/services/service-plan.ts';
import type { Backend, Service, ServicePort } from '../../src/services/service.ts';
import type { BackendsByPort } from '../../src/services/service-planner.ts';
import type { SeededRandom } from '../../src/sim/seeded-random.ts';
import { type IpAddress, parseIpAddress } from '../../src/wire/address.ts';
import { parsePrefix } from '../../src/wire/prefix.ts';

/** Where the first backend is, the second, and so on; of the fourth nothing is known, and the fifth is where the first is. */
const nodeNames = ['node1', 'node2', 'node3', ''] as const;
const zones = ['a', 'b'] as const;
const protocols = ['TCP', 'UDP', 'SCTP'] as const;

export class RandomServices {
  readonly #random: SeededRandom;

  constructor(random: SeededRandom) {
    this.#random = random;
  }

  node(): PlanningNode {
    return {
      name: this.#one(nodeNames.slice(0, 3)),
      zone: this.#one([...zones, '']),
      nodePortAddresses: this.#some(['198.18.0.1', 'fd00:18::1']).map(address),
    };
  }

  /** @param number of its addresses, and of its name; external ones are those of others, too. */
  service(number: number): Service {
    const isPlain = this.#random.happens(0.5);
    return {
      namespace: 'shop',
      name: `s${number}`,
      ports: this.#ports(),
      clusterAddresses: this.#some([`10.96.0.${number}`, `fd00:96::${number}`]).map(address),
      externalAddresses: isPlain ? [] : this.#some(['192.0.2.1', '2001:db8::1']).map(address),
      loadBalancerAddresses: isPlain ? [] : this.#some(['192.0.2.1', '192.0.2.9', '2001:db8::9']).map(address),
      loadBalancerSources: this.#random.happens(0.7) ? undefined : [parsePrefix('203.0.113.0/24')!],
      internalTraffic: this.#random.happens(0.3) ? 'local' : 'cluster',
      externalTraffic: this.#random.happens(0.4) ? 'local' : 'cluster',
      affinitySeconds: this.#one([undefined, undefined, undefined, undefined, 10_800, 3_600]),
    };
  }

  backends({ ports }: Service): BackendsByPort {
    return new Map(ports.map(({ name }) => [name, this.#backends()]));
  }

  #ports(): readonly ServicePort[] {
    const count = 1 + this.#random.below(2);
    return Array.from({ length: count }, (_, index) => ({
      name: count === 1 ? '' : `p${index}`,
      protocol: this.#one(protocols),
      port: 80 + index,
      nodePort: this.#random.happens(0.5) ? 30_000 + this.#random.below(4) : undefined,
    }));
  }

  #backends(): readonly Backend[] {
    const kind = this.#one(['none', 'any', 'ending', 'hinted'] as const);
    if (kind === 'none') return [];
    return Array.from({ length: 1 + this.#random.below(5) }, (_, index) => ({
      address: address(`${this.#one(['10.244.9.', 'fd00:244::'])}${1 + index}`),
      port: 8080 + this.#random.below(2),
      isReady: kind === 'hinted' || (kind === 'any' && this.#random.happens(0.5)),
      isServing: this.#random.happens(0.8),
      isTerminating: this.#random.happens(0.6),
      nodeName: nodeNames[index % nodeNames.length]!,
      forNodes: kind === 'hinted' ? this.#some(nodeNames.slice(0, 3)) : [],
      forZones: kind === 'hinted' || this.#random.happens(0.2) ? [this.#one(zones)] : [],
    }));
  }

  #one<Value>(all: readonly Value[]): Value {
    return all[this.#random.below(all.length)]!;
  }

  #some<Value>(all: readonly Value[]): readonly Value[] {
    return all.filter(() => this.#random.happens(0.6));
  }
}

function address(text: string): IpAddress {
  return parseIpAddress(text)!;
}
