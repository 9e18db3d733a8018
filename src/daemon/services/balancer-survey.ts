/** What the doctor is told of addresses of load balancers. */
import type { BalancerFacts, SomeOf } from '../../doctor/facts.ts';
import { runJsonCommand } from '../../linux/command.ts';
import type { Member } from '../../membership/announcement.ts';
import type { AddressPool } from '../../services/address-pool.ts';
import type { BalancedAddress } from '../../services/balanced-addresses.ts';
import { type MissingAddress, missingAddresses } from '../../services/missing-addresses.ts';
import type { ShownService } from '../../services/service-record.ts';
import { formatIpAddress } from '../../wire/address.ts';
import { SlicedWork } from '../process/sliced-work.ts';
import type { BalancerAnnouncements } from './balancer-announcements.ts';

export interface BalancerSurveyOptions {
  readonly pools: readonly AddressPool[];
  readonly services: () => ReadonlyMap<string, ShownService>;
  readonly addresses: () => ReadonlyMap<string, BalancedAddress>;
  readonly members: () => readonly Member[];
  readonly announcements: Pick<BalancerAnnouncements, 'announcer' | 'contested' | 'isReady'>;
  /** MAC address of a neighbour by its address, as the kernel knows it. */
  readonly neighbours?: () => Promise<ReadonlyMap<string, string>>;
}

/** Of one kind, so many are told; the others are counted. */
const MAX_TOLD = 8;

export async function surveyBalancer(options: BalancerSurveyOptions): Promise<BalancerFacts> {
  const { pools, services, addresses, members, announcements } = options;
  const all = members();
  const hosts = all.map(({ announcement }) => announcement.gossipEndpoint.address);
  const missing: MissingAddress[] = [];
  const work = new SlicedWork(() => performance.now());
  const inOrder = [...services()].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, service]) => service);
  await work.take(missingAddresses(inOrder, pools, hosts), (one) => missing.push(one));
  const unanswered = announcements.isReady
    ? [...addresses().keys()].filter((address) => announcements.announcer(address) === undefined)
    : [];
  const contested = announcements.contested();
  const nodeAt =
    contested.length > 0 ? await nodesByMac(all, options.neighbours ?? listNeighbours) : new Map<string, string>();
  const cutOff = all.filter(
    ({ state, announcement }) => state === 'dead' && (announcement.linkPrefixes ?? []).length > 0,
  );
  return {
    missing: someOf(missing),
    unanswered: someOf(unanswered.toSorted()),
    contested: someOf(contested.map((one) => ({ ...one, node: nodeAt.get(one.by) ?? '' }))),
    // Where no service has an address, nothing is at stake.
    cutOff: someOf(addresses().size === 0 ? [] : cutOff.map(({ announcement }) => announcement.name).toSorted()),
  };
}

async function nodesByMac(
  members: readonly Member[],
  neighbours: () => Promise<ReadonlyMap<string, string>>,
): Promise<ReadonlyMap<string, string>> {
  const macs = await neighbours();
  return new Map(
    members.flatMap(({ announcement: { name, gossipEndpoint } }): [string, string][] => {
      const mac = macs.get(formatIpAddress(gossipEndpoint.address));
      return mac === undefined ? [] : [[mac, name]];
    }),
  );
}

async function listNeighbours(): Promise<ReadonlyMap<string, string>> {
  const purpose = 'list the neighbours on the links';
  const entries = await runJsonCommand<{ readonly dst: string; readonly lladdr?: string }[]>(
    ['ip', '-json', 'neigh', 'show'],
    { purpose },
  );
  return new Map(entries.flatMap(({ dst, lladdr }) => (lladdr === undefined ? [] : [[dst, lladdr] as const])));
}

function someOf<One>(all: readonly One[]): SomeOf<One> {
  return { some: all.slice(0, MAX_TOLD), count: all.length };
}
