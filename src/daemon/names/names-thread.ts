/**
 * Entry of the thread of names: it answers what pods and the node ask, and passes on the rest to the node's resolver.
 *
 * When it has loaded its program, it waits for the message that says whom it answers, and what.
 *
 * Not on the main thread, since a pod may ask as much as it likes, and gossip may not wait for it. It runs as all other programs do: behind
 * the main thread, beside the pods that it answers.
 */
import { type MessagePort, parentPort } from 'node:worker_threads';
import { isDeepStrictEqual } from 'node:util';
import { equalIpAddresses } from '../../wire/address.ts';
import { Askers } from '../../names/askers.ts';
import { FairShares } from '../../names/fair-shares.ts';
import { NameTable } from '../../names/name-table.ts';
import { NameZone } from '../../names/name-zone.ts';
import { QuestionRates } from '../../names/question-rates.ts';
import { levelThisThread } from '../../linux/thread-priority.ts';
import { collectGarbage } from '../process/heap.ts';
import { NOTHING_TO_DO } from '../process/thread-reserve.ts';
import { Forwarder } from './forwarder.ts';
import { NameCounters } from './name-counters.ts';
import { type NameAddress, type NameAddressFailure, NameListener } from './name-listener.ts';
import { NameService, type SettledNames } from './name-service.ts';
import { isOfServices } from '../../names/service-names.ts';
import type { NamesOrder, NamesPlace, NamesReport, NamesState, NamesThreadSetup } from './names-messages.ts';
import { NodeResolver } from './node-resolver.ts';

/**
 * Questions that each may ask, per second and at once: a pod that looks up a name for each of its connections needs hundreds at most. An
 * answer takes some 50 us, so one pod takes a twentieth of a processor at most, with what is passed on.
 */
const RATES = { perSecond: 500, burst: 500, mostAskers: 4_096 } as const;

/** Most connections of one asker. */
const MOST_CONNECTIONS_EACH = 8;

/** Share of the descriptors that is for clients; the others are for questions to resolvers. */
const CLIENT_SHARE = 1 / 4;

/** How often the resolver's file is looked at, and whether what could not be opened can be now, in ms. */
const LOOK_MS = 1_000;
const REOPEN_MS = 5_000;

function nowMs(): number {
  return performance.now();
}

/** What there is of this thread. */
class NamesDesk {
  readonly #report: (report: NamesReport) => void;
  readonly #table: NameTable;
  readonly #askers: Askers;
  readonly #resolver: NodeResolver;
  readonly #forwarder: Forwarder;
  readonly #service: NameService;
  readonly #counters: NameCounters;
  readonly #connections: FairShares;
  readonly #listeners = new Map<string, NameListener>();
  readonly #timers: readonly NodeJS.Timeout[];
  #place: NamesPlace = { addresses: [], own: [], pods: [] };
  #failures: readonly NameAddressFailure[] = [];
  #told: NamesState | undefined;
  readonly #settled = new Set<SettledNames>();
  /** One change of sockets after the other. */
  #last: Promise<void> = Promise.resolve();

  constructor(setup: NamesThreadSetup, report: (report: NamesReport) => void) {
    this.#report = report;
    const { domain, clusterPrefixes, servicePrefixes, nodeName, ttlSeconds, mostDescriptors } = setup;
    this.#table = new NameTable(domain);
    this.#askers = new Askers(clusterPrefixes);
    this.#counters = new NameCounters(setup.counters);
    const mostClients = Math.ceil(mostDescriptors * CLIENT_SHARE);
    this.#connections = new FairShares(mostClients, MOST_CONNECTIONS_EACH);
    this.#resolver = new NodeResolver({
      configured: setup.resolvers,
      file: setup.resolverFile,
      isOfWeft: (address) =>
        this.#place.own.some((own) => equalIpAddresses(own, address)) || this.#table.isNodeAddress(address),
    });
    this.#forwarder = new Forwarder({
      servers: () => this.#resolver.servers(),
      mostSockets: mostDescriptors - mostClients,
      nowMs,
    });
    this.#service = new NameService({
      zone: new NameZone({ domain, reversePrefixes: [...clusterPrefixes, ...servicePrefixes], nodeName }),
      table: this.#table,
      forwarder: this.#forwarder,
      rates: new QuestionRates(RATES),
      counters: this.#counters,
      isSettled: (kind) => this.#settled.has(kind),
      isOfServices: (labels) => isOfServices(labels, domain),
      ttlSeconds,
      nowMs,
    });
    this.#timers = [
      setInterval(() => this.#look(), LOOK_MS),
      setInterval(() => {
        if (this.#failures.length > 0) this.#settle();
      }, REOPEN_MS),
    ];
  }

  hear(order: NamesOrder): void {
    if (order.kind === 'place') {
      this.#place = order;
      this.#askers.update(order.own, order.pods);
      this.#settle();
    } else if (order.kind === 'settled') {
      this.#settled.add(order.of);
    } else if (order.kind === 'node') {
      // The change is told with the next look: of many nodes at once, there is one report.
      if (order.node === undefined) this.#table.delete(order.identity);
      else this.#table.set(order.identity, order.node);
    } else if (order.kind === 'services') {
      for (const service of order.gone) this.#table.deleteService(service);
      for (const service of order.changed) this.#table.setService(service);
    }
  }

  close(): void {
    for (const timer of this.#timers) clearInterval(timer);
    for (const listener of this.#listeners.values()) listener.close();
    this.#forwarder.close();
  }

  #look(): void {
    this.#resolver.look();
    this.#tell();
  }

  /** Opens and closes sockets as the place asks for them, after the change before. */
  #settle(): void {
    this.#last = this.#last.then(() => this.#openWanted());
  }

  async #openWanted(): Promise<void> {
    const { addresses } = this.#place;
    const wanted = new Set(addresses.map(({ host }) => host));
    for (const [host, listener] of this.#listeners) {
      if (wanted.has(host)) continue;
      listener.close();
      this.#listeners.delete(host);
    }
    const opened = await Promise.all(addresses.map(async (address) => await this.#listenerAt(address).open()));
    this.#failures = opened.flat();
    this.#tell();
  }

  #listenerAt(address: NameAddress): NameListener {
    const known = this.#listeners.get(address.host);
    if (known !== undefined) return known;
    const parts = { service: this.#service, askers: this.#askers, counters: this.#counters, shares: this.#connections };
    const listener = new NameListener(address, parts);
    this.#listeners.set(address.host, listener);
    return listener;
  }

  #tell(): void {
    const state: NamesState = {
      listening: [...this.#listeners].flatMap(([host, listener]) => (listener.isOpen ? host : [])),
      failures: this.#failures,
      resolvers: this.#resolver.texts(),
      known: this.#table.size,
      contested: this.#table.contested,
      unnameable: this.#table.unnameable,
    };
    if (isDeepStrictEqual(state, this.#told)) return;
    this.#told = state;
    this.#report(state);
  }
}

function main(setup: NamesThreadSetup, port: MessagePort): void {
  const report = (message: NamesReport): void => port.postMessage(message);
  levelThisThread();
  const desk = new NamesDesk(setup, report);
  collectGarbage();
  port.on('message', (order: NamesOrder) => {
    if (order.kind !== 'close') return desk.hear(order);
    desk.close();
    port.close();
  });
}

const door = parentPort;
if (door === null) throw new TypeError('names-thread.ts is the entry of a worker thread');
door.once('message', (setup: NamesThreadSetup | typeof NOTHING_TO_DO) => {
  if (setup !== NOTHING_TO_DO) main(setup, door);
});
