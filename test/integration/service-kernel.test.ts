/**
 * Services at random: what the kernel does with packets to them is what the plan says. `SEED=…` replays a history, `ROUNDS=…` makes it
 * longer.
 */
import test from 'ava';
import { frontendElement } from '../../src/daemon/services/service-names.ts';
import { ServiceEnforcement } from '../../src/daemon/services/service-enforcement.ts';
import { runCommand } from '../../src/linux/command.ts';
import { removeTable, SERVICE_TABLE } from '../../src/linux/nftables.ts';
import { pickIndex } from '../../src/services/pick-hash.ts';
import type { Frontend } from '../../src/services/service-plan.ts';
import { type BackendsByPort, frontendKey, serviceKey, ServicePlanner } from '../../src/services/service-planner.ts';
import type { Service, ServiceProtocol } from '../../src/services/service.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';
import { formatIpAddress, parseIpAddress } from '../../src/wire/address.ts';
import { parsePrefix, prefixContains } from '../../src/wire/prefix.ts';
import { pick } from '../support/mutation.ts';
import { FIRST_LENGTH, type PolicyPlace, type PolicyProbe, PolicyRouter } from '../support/policy-router.ts';
import { RandomServices } from '../support/random-services.ts';
import { watchedServices, type Watched, watchServices } from '../support/service-watch.ts';

const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
const rounds = Number(process.env['ROUNDS'] ?? 40);
const PROBES = 50;
/** Each packet has a source port of its own, as one that had it before is still known to conntrack. */
const FIRST_SOURCE_PORT = 10_000;
const MOST_ROUNDS = Math.floor((65_536 - FIRST_SOURCE_PORT) / PROBES);
const SERVICES = 5;

const places = {
  a: ['10.244.9.1', 'fd00:244::1'],
  b: ['10.244.9.5', 'fd00:244::5'],
  far: ['10.244.9.2', 'fd00:244::2', '10.244.9.3', 'fd00:244::3', '10.244.9.4', 'fd00:244::4'],
  world: ['203.0.113.9', '198.51.100.7', '2001:db8:7::9'],
};
/** The first two are its overlay addresses. */
const routerAddresses = ['10.244.1.1', 'fd00:1::1', '198.18.0.1', 'fd00:18::1'];

const prefixes = ['10.96.0.0/24', 'fd00:96::/112'].map((text) => parsePrefix(text)!);

async function run(argv: readonly string[]): Promise<void> {
  await runCommand(argv, { purpose: 'prepare the router' });
}

let router: PolicyRouter;
let self: PolicyPlace;

test.before(async () => {
  router = await PolicyRouter.up(`weftsvc${process.pid}`, places, { far: 'weft0', world: 'eth0' });
  self = router.itself(routerAddresses);
  await router.answer(false);
  for (const address of routerAddresses.slice(2)) await run(['ip', 'address', 'add', address, 'dev', 'lo']);
  // What is for nobody leaves.
  for (const family of ['-4', '-6'])
    await run(['ip', family, 'route', 'add', 'default', 'dev', 'weft0', 'metric', '9']);
  await run(['ip', 'neighbour', 'replace', '10.96.0.1', 'lladdr', '02:00:00:00:02:02', 'dev', 'weft0']);
  const limits = ['net.ipv4.icmp_ratemask=0', 'net.ipv4.icmp_msgs_per_sec=100000', 'net.ipv4.icmp_msgs_burst=10000'];
  await run(['sysctl', '-qw', ...limits, 'net.ipv6.icmp.ratelimit=0']);
});

test.after.always(async () => router?.down());

/** Services that change, and the planner of the router. */
class Services {
  readonly #random: SeededRandom;
  readonly #make: RandomServices;
  readonly #known = new Map<string, { readonly service: Service; readonly backends: BackendsByPort }>();
  readonly planner: ServicePlanner;

  constructor(random: SeededRandom) {
    this.#random = random;
    this.#make = new RandomServices(random);
    this.planner = new ServicePlanner({ ...this.#make.node(), name: 'node1' });
    for (let number = 1; number <= SERVICES; number++) this.#set(number);
  }

  change(): void {
    const number = 1 + this.#random.below(SERVICES);
    const known = this.#known.get(`shop/s${number}`);
    const kind = pick(this.#random, ['service', 'end', 'backends', 'backends'] as const);
    if (known === undefined || kind === 'service') this.#set(number);
    else if (kind === 'end') this.#tell(serviceKey(known.service), undefined);
    else this.#tell(serviceKey(known.service), { ...known, backends: this.#make.backends(known.service) });
    if (this.#random.happens(0.1)) this.planner.moveTo({ ...this.#make.node(), name: 'node1' });
  }

  #set(number: number): void {
    const service = this.#make.service(number);
    this.#tell(serviceKey(service), { service, backends: this.#make.backends(service) });
  }

  #tell(key: string, now: { readonly service: Service; readonly backends: BackendsByPort } | undefined): void {
    if (now === undefined) this.#known.delete(key);
    else this.#known.set(key, now);
    this.planner.setService(key, now?.service);
    this.planner.setBackends(key, now?.backends);
  }
}

test.serial(`the kernel does what the plan says, whatever changes of services (SEED=${seed})`, async (t) => {
  const random = new SeededRandom(seed);
  const services = new Services(random);
  const nodeAddresses = routerAddresses.slice(0, 2).map((text) => parseIpAddress(text)!);
  const enforcement = new ServiceEnforcement({
    nodeName: 'node1',
    table: { tunDevice: 'weft0', nodeAddresses, pools: [], prefixes },
  });
  t.teardown(async () => removeTable(SERVICE_TABLE));
  const outcomes = new Map<string, number>();
  const held: HeldClients = new Map();
  const frontends = new Map<string, Frontend>();
  let sourcePort = FIRST_SOURCE_PORT;
  if (rounds > MOST_ROUNDS)
    throw new Error(`ROUNDS=${rounds}: there are source ports for ${MOST_ROUNDS}; run it more than once`);
  for (let round = 0; round < rounds; round++) {
    if (round > 0) for (let count = 1 + random.below(3); count > 0; count--) services.change();
    const change = services.planner.take();
    for (const key of change.gone) frontends.delete(key);
    for (const frontend of change.changed) frontends.set(frontendKey(frontend), frontend);
    await enforcement.change(change);
    for (const key of [...change.gone, ...change.changed.map(frontendKey)])
      forgetClients(held, key, frontends.get(key));
    t.deepEqual((await enforcement.inspect()).findings, [], `round ${round}`);
    const probes = Array.from({ length: PROBES }, () => probeOf(random, sourcePort++, [...frontends.values()]));
    await watchServices();
    await router.volley(probes);
    const watched = await watchedServices();
    for (const [index, probe] of probes.entries()) {
      const [expected, actual] = [expectedOf(probe, frontends), actualOf(probe, FIRST_LENGTH + index, watched)];
      const told = `round ${round}: ${wordsOf(probe)}`;
      if (typeof expected === 'string') t.is(actual, expected, told);
      else t.true(expected.has(actual), `${told}: ${actual}, and not ${[...expected].join(' or ')}`);
      count(outcomes, typeof expected === 'string' ? expected : translatedAs(probe, actual));
      const frontend = frontends.get(keyOf(probe));
      const picked = frontend && pickedBackend(probe, frontend);
      if (picked !== undefined) {
        t.regex(actual, new RegExp(` to ${picked}$`), `${told}: as the hash says`);
        count(outcomes, 'picked');
      }
      if (frontend?.affinitySeconds === undefined || typeof expected === 'string') continue;
      // Whoever was sent to a backend is sent there again, as long as it may be.
      const clients = held.get(keyOf(probe)) ?? new Map<string, HeldClient>();
      held.set(keyOf(probe), clients);
      const client = formatIpAddress(probe.source);
      const backend = / to (.*)$/.exec(actual)![1]!;
      const before = clients.get(client)?.backend;
      if (before !== undefined && [...expected].some((one) => one.endsWith(` to ${before}`))) {
        t.is(backend, before, `${told}: affinity`);
        count(outcomes, 'kept');
      }
      clients.set(client, { backend, seconds: frontend.affinitySeconds });
    }
    t.deepEqual((await enforcement.inspect()).findings, [], `round ${round}`);
    if (!t.passed) return;
  }
  t.log(Object.fromEntries(outcomes));
  t.deepEqual(
    ['translated', 'picked', 'masqueraded', 'to itself', 'refused', 'silent', 'kept'].filter(
      (outcome) => !outcomes.has(outcome),
    ),
    [],
  );
});

interface HeldClient {
  /** `ADDRESS PORT` */
  readonly backend: string;
  readonly seconds: number;
}

/** Where clients were sent to, by their addresses and the keys of frontends. */
type HeldClients = Map<string, Map<string, HeldClient>>;

/** What the kernel forgets with a change: clients of a backend that goes, and all if it is to remember them for another time. */
function forgetClients(held: HeldClients, key: string, frontend: Frontend | undefined): void {
  const backends = [frontend?.inside, frontend?.outside].flatMap((to) =>
    to?.kind === 'backends' ? to.backends.map(({ address, port }) => `${formatIpAddress(address)} ${port}`) : [],
  );
  for (const [client, { backend, seconds }] of held.get(key) ?? [])
    if (seconds !== frontend?.affinitySeconds || !backends.includes(backend)) held.get(key)!.delete(client);
}

function count(counts: Map<string, number>, what: string): void {
  counts.set(what, (counts.get(what) ?? 0) + 1);
}

const protocols: Readonly<Record<ServiceProtocol, PolicyProbe['kind']>> = { TCP: 'tcp', UDP: 'udp', SCTP: 'sctp' };

/** Mostly to what there is; sometimes to another port, or address. */
function probeOf(random: SeededRandom, sourcePort: number, frontends: readonly Frontend[]): PolicyProbe {
  const from = pick(random, [...router.places.values(), self]);
  const reached = frontends.filter(({ inside }) => inside.kind === 'backends');
  const drawn = reached.length > 0 && random.happens(0.8) ? reached : frontends;
  const frontend = drawn.length > 0 && random.happens(0.9) ? pick(random, drawn) : undefined;
  const destination = frontend?.address ?? parseIpAddress(pick(random, ['10.96.0.1', '10.96.0.77', 'fd00:96::2']))!;
  return {
    from,
    source: pick(
      random,
      from.addresses.filter(({ family }) => family === destination.family),
    ),
    destination,
    kind: protocols[frontend?.protocol ?? pick(random, ['TCP', 'UDP', 'SCTP'] as const)],
    sourcePort,
    destinationPort: random.happens(0.1) ? 79 : (frontend?.port ?? 80),
  };
}

function keyOf({ destination, kind, destinationPort }: PolicyProbe): string {
  const protocol = (Object.keys(protocols) as ServiceProtocol[]).find((one) => protocols[one] === kind)!;
  return frontendKey({ address: destination, protocol, port: destinationPort });
}

/** `SOURCE to ADDRESS PORT` of each way that it may go; `refused`; `silent`: nothing leaves, and nobody is told. */
function expectedOf(probe: PolicyProbe, frontends: ReadonlyMap<string, Frontend>): string | ReadonlySet<string> {
  const { from, source, destination, destinationPort } = probe;
  const isInside = ['a', 'b', 'router'].includes(from.name);
  const frontend = frontends.get(keyOf(probe));
  if (frontend === undefined) {
    const isOfServices = [...frontends.values()].some(
      ({ kind, address }) => kind === 'cluster' && formatIpAddress(address) === formatIpAddress(destination),
    );
    const isRefused = isOfServices || prefixes.some((prefix) => prefixContains(prefix, destination));
    if (frontends.size > 0 && isRefused) return 'refused';
    const isForRouter = self.addresses.some((address) => formatIpAddress(address) === formatIpAddress(destination));
    if (isForRouter && from !== self) return 'silent';
    return new Set([`${formatIpAddress(source)} to ${formatIpAddress(destination)} ${destinationPort}`]);
  }
  const planned = isInside ? frontend.inside : frontend.outside;
  if (planned.kind === 'refused') return 'refused';
  if (planned.kind === 'dropped') return 'silent';
  if (frontend.sources?.every((prefix) => !prefixContains(prefix, source)) === true) return 'silent';
  return new Set(
    planned.backends.map(({ address, port }) => {
      const isHere = ['a', 'b'].some((place) => places[place as 'a' | 'b'].includes(formatIpAddress(address)));
      const own = routerAddresses[address.family === 4 ? 0 : 1]!;
      const isItself = formatIpAddress(address) === formatIpAddress(source);
      let isMasqueraded = isItself;
      if (from.name === 'router') isMasqueraded = !isHere;
      else if (!isInside) isMasqueraded = frontend.masqueradesOutside;
      return `${isMasqueraded ? own : formatIpAddress(source)} to ${formatIpAddress(address)} ${port}`;
    }),
  );
}

/** `ADDRESS PORT` of the backend that the hash of a flow means, if there are several and no client keeps its own. */
function pickedBackend({ from, source, sourcePort }: PolicyProbe, frontend: Frontend): string | undefined {
  const planned = ['a', 'b', 'router'].includes(from.name) ? frontend.inside : frontend.outside;
  const isLetIn = frontend.sources?.some((prefix) => prefixContains(prefix, source)) ?? true;
  if (planned.kind !== 'backends' || frontend.affinitySeconds !== undefined || !isLetIn) return undefined;
  const { address, port } = planned.backends[pickIndex(source, sourcePort, planned.backends.length)]!;
  return `${formatIpAddress(address)} ${port}`;
}

function actualOf({ kind, destination, sourcePort }: PolicyProbe, length: number, watched: Watched): string {
  const left = watched.left.get(length);
  if (left !== undefined) return `${left.source} to ${left.destination} ${left.port}`;
  if (kind === 'tcp' && watched.reset.has(sourcePort)) return 'refused';
  return watched.told[destination.family].has(length) ? 'refused' : 'silent';
}

function translatedAs({ source, destination }: PolicyProbe, actual: string): string {
  const [from, , to] = actual.split(' ');
  if (to === formatIpAddress(destination)) return 'left alone';
  if (from === formatIpAddress(source)) return 'translated';
  return to === formatIpAddress(source) ? 'to itself' : 'masqueraded';
}

function wordsOf(probe: PolicyProbe): string {
  const { from, source, sourcePort } = probe;
  return `${from.name} ${formatIpAddress(source)} ${sourcePort} -> ${keyOf(probe)} (${frontendElement({ address: probe.destination, protocol: 'TCP', port: probe.destinationPort })})`;
}
