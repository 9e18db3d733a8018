/**
 * What the kernel of a network namespace does with a packet, judged by what it says itself: in the order in which the kernel decides,
 * so that the first thing that stops the packet is named. Pure.
 */
import type { ExplainedStep, Fate } from './explanation.ts';
import type { FirewallObstacle } from './firewall-words.ts';
import type { LinkState, PassageFacts, PolicyRule, SoughtLink } from './passage-facts.ts';

/** Where the packet should come to, if all is well. */
export type PassageAim =
  /** `mac`: of the next hop, if it is known. */
  | { readonly to: 'device'; readonly device: string; readonly mac?: string }
  /** The namespace has the address itself. */
  | { readonly to: 'here' }
  /** By whatever way the kernel has; it may also be for the namespace itself. */
  | { readonly to: 'anywhere' }
  /** Out by any device. */
  | { readonly to: 'away' }
  /** An address that weft gave to nobody: the kernel says so to the sender. */
  | { readonly to: 'nobody' };

/** The packet, and where it is looked at. */
export interface Passage {
  /** `in-pod` or `kernel`. */
  readonly hook: string;
  /** Whose kernel: `n1`, `pod web`. */
  readonly place: string;
  readonly family: 4 | 6;
  readonly source: string;
  readonly destination: string;
  readonly sizeBytes: number;
  /** What the sender has for a gateway; `isRemembered`: it knows the MAC address. */
  readonly gateway?: { readonly address: string; readonly isRemembered: boolean };
  /** Whether it answers a ping. */
  readonly isEchoAnswer: boolean;
  readonly aim: PassageAim;
}

/** What is said of it, and where the packet ends if it does. */
export interface JudgedPassage {
  readonly steps: readonly ExplainedStep[];
  readonly fate: Fate | null;
  /** Name of the drop reason, if weft drops it there; absent: it does not. */
  readonly reason?: string | undefined;
}

/** What stops a packet, or makes it unknown whether it passes. */
interface Obstacle {
  readonly verdict: 'stop' | 'unknown' | 'doubt';
  readonly fate: Fate;
  readonly text: string;
  readonly reason?: string | undefined;
}

/** Room that a device leaves for a VLAN tag beside its MTU. */
const VLAN_TAG_BYTES = 4;

/** From this share on, the connections are worth a warning. */
const NEARLY_FULL = 0.9;

/**
 * Judges what was looked up.
 *
 * @param firewall what stands in the packet's way; `undefined`: nothing. @param isTracked whether its connection needs room.
 */
export function judgePassage(
  passage: Passage,
  facts: PassageFacts,
  firewall?: FirewallObstacle,
  isTracked = true,
): JudgedPassage {
  const steps: ExplainedStep[] = [];
  for (const obstacle of obstacles(passage, facts, firewall, isTracked)) {
    const { verdict, fate, text, reason } = obstacle;
    steps.push(step(passage, verdict, text, reason === undefined ? {} : { reason }));
    if (verdict === 'stop') return { steps, fate, reason };
  }
  const passed = [step(passage, 'pass', passWords(passage, facts)), ...steps];
  return { steps: passed, fate: passage.aim.to === 'anywhere' && isTakenIn(facts) ? 'delivered' : null };
}

/** Whether the namespace itself has the destination. */
function isTakenIn({ route }: PassageFacts): boolean {
  return 'type' in route && route.type === 'local';
}

/** What is said where nobody could look. */
export function unlookedPassage(passage: Pick<Passage, 'hook' | 'place'>, why: string): JudgedPassage {
  const text = `what the kernel of ${passage.place} does with it is not known: ${why}`;
  return { steps: [step(passage, 'unknown', text)], fate: null };
}

function step(
  { hook, place }: Pick<Passage, 'hook' | 'place'>,
  verdict: ExplainedStep['verdict'],
  text: string,
  more: ExplainedStep['details'] = {},
): ExplainedStep {
  return { hook, verdict, text, details: { place, ...more } };
}

function* obstacles(
  passage: Passage,
  facts: PassageFacts,
  firewall: FirewallObstacle | undefined,
  isTracked: boolean,
): Generator<Obstacle> {
  const { place, source, destination, aim } = passage;
  const { entry, hasAddress, exit } = facts;
  if (entry === undefined && !hasAddress)
    yield stop(`${source} is on no device of ${place}: nothing can be sent from it`);
  if (entry !== undefined) yield* entryObstacles(passage, entry);
  if (aim.to === 'here' && !hasAddress)
    yield stop(`${destination} is on no device of ${place}: nobody takes the packet`);
  yield* gatewayObstacles(passage, facts);
  yield* echoObstacles(passage, facts);
  if (firewall?.isBeforeRoute === true) yield obstacleOf(firewall);
  if (isTracked) yield* trackingObstacles(passage, facts);
  yield* routeObstacles(passage, facts);
  if (firewall?.isBeforeRoute === false) yield obstacleOf(firewall);
  if (exit === undefined || passage.aim.to === 'here' || isTakenIn(facts)) return;
  yield* linkObstacles(exit, place);
  yield* exitObstacles(passage, facts);
}

function stop(text: string, fate: Fate = 'blocked'): Obstacle {
  return { verdict: 'stop', fate, text };
}

function obstacleOf({ verdict, text, reason }: FirewallObstacle): Obstacle {
  if (reason !== undefined) return { ...stop(text, 'dropped'), reason };
  return verdict === 'stop' ? stop(text) : doubt('unknown', text);
}

function doubt(verdict: 'unknown' | 'doubt', text: string): Obstacle {
  return { verdict, fate: 'unknown', text };
}

function* linkObstacles(link: SoughtLink, place: string): Generator<Obstacle> {
  const problem = linkProblem(link);
  if (problem !== '') yield stop(`${problem} at ${place}`);
  else if ((link as LinkState).hasXdp)
    yield doubt(
      'unknown',
      `an XDP program on ${link.name} decides before the kernel does, and what it does is not known`,
    );
}

function* entryObstacles({ place, sizeBytes }: Passage, link: SoughtLink): Generator<Obstacle> {
  yield* linkObstacles(link, place);
  if ('isMissing' in link || !link.isVeth || sizeBytes <= link.mtuBytes + VLAN_TAG_BYTES) return;
  yield stop(
    `it has ${sizeBytes} bytes, more than the MTU of ${link.name} at ${place}, ${link.mtuBytes}: nothing longer comes in`,
  );
}

/** Why nothing passes a device; empty: it does. */
function linkProblem(link: SoughtLink): string {
  if ('isMissing' in link) return `there is no device ${link.name}`;
  if (!link.isUp) return `${link.name} is down`;
  return link.hasCarrier ? '' : `${link.name} has no carrier: its other end is down or gone`;
}

/** Whether the sender finds the gateway that it uses: it asks for its MAC address, and remembers that for a while. */
function* gatewayObstacles({ place, gateway }: Passage, { isGateway, entry }: PassageFacts): Generator<Obstacle> {
  if (isGateway !== false || entry === undefined || gateway === undefined) return;
  const text = `${place} does not answer on ${entry.name} for the gateway of pods, ${gateway.address}`;
  if (gateway.isRemembered)
    yield doubt('unknown', `${text}: the pod finds it only as long as it remembers where it was`);
  else yield stop(`${text}, and the pod does not know where else it is`);
}

function* echoObstacles(
  { place, family, isEchoAnswer }: Passage,
  { entry, sysctls }: PassageFacts,
): Generator<Obstacle> {
  if (!isEchoAnswer || entry !== undefined) return;
  const name = family === 4 ? 'net/ipv4/icmp_echo_ignore_all' : 'net/ipv6/icmp/echo_ignore_all';
  if ((sysctls[name] ?? '0') !== '0')
    yield stop(`${place} answers no ping: ${name.replaceAll('/', '.')} is ${sysctls[name]}`);
}

function* trackingObstacles({ place }: Passage, { tracking }: PassageFacts): Generator<Obstacle> {
  if (tracking === undefined) return;
  const { connections, maxConnections, refused } = tracking;
  const full = `${place} tracks ${connections} connections, and has room for ${maxConnections} (nf_conntrack_max)`;
  if (connections >= maxConnections) {
    // Connections that were never answered make room for new ones.
    if (refused > 0) yield stop(`${full}: new ones are dropped, ${refused} so far`);
    else yield doubt('unknown', `${full}: new ones are dropped unless there is one to forget`);
  } else if (connections >= NEARLY_FULL * maxConnections) yield doubt('doubt', full);
}

function* routeObstacles(passage: Passage, facts: PassageFacts): Generator<Obstacle> {
  const { place, family, destination, aim } = passage;
  const { route, exit, entry, sysctls } = facts;
  if ('error' in route) {
    if (aim.to === 'nobody') return;
    const problem = exit !== undefined && aim.to === 'device' ? linkProblem(exit) : '';
    if (problem !== '') yield stop(`${problem} at ${place}, so that no route leads there`);
    else yield stop(refusalWords(passage, facts, route.error));
    return;
  }
  const { type, device } = route;
  if (aim.to === 'nobody')
    yield stop(`no pod has ${destination}, but the route of ${place} leads to ${routeWords(facts)}`, 'diverted');
  const leads = `the route of ${place} to ${destination} leads to`;
  if (aim.to === 'here' && type === 'unicast') {
    yield stop(`${leads} ${routeWords(facts)}, although it is an address of ${place} itself`, 'diverted');
  } else if ((aim.to === 'device' || aim.to === 'away') && type === 'local') {
    yield stop(
      `${place} takes it for itself: ${destination} is a ${type} address there${ruleWords(facts)}`,
      'diverted',
    );
  } else if (aim.to === 'device' && device !== aim.device) {
    yield stop(`${leads} ${routeWords(facts)}, and not to ${aim.device}`, 'diverted');
  }
  const isForwarded = entry !== undefined && type === 'unicast';
  if (isForwarded && device === entry.name) yield stop(`${leads} ${device}, where it came in: nobody else is there`);
  if (isForwarded && family === 6 && sysctls['net/ipv6/conf/all/forwarding'] === '0') {
    const isForced = sysctls[`net/ipv6/conf/${entry.name}/force_forwarding`] === '1';
    if (!isForced) yield stop(`net.ipv6.conf.all.forwarding of ${place} is 0: the kernel passes nothing on`);
  }
}

/** Where a route leads, and who says so: `eth0 via 192.0.2.1 (10.244.2.0/24, table 77 by rule 100: from all lookup 77)`. */
function routeWords(facts: PassageFacts): string {
  const { route } = facts;
  if ('error' in route) return route.error;
  const { device, gateway, prefix } = route;
  const via = gateway === '' ? '' : ` via ${gateway}`;
  return `${device}${via}${prefix === '' ? '' : ` (route ${prefix}${ruleWords(facts)})`}`;
}

function ruleWords({ route, rules }: PassageFacts): string {
  if ('error' in route || route.table === 'main' || route.table === 'local') return '';
  const rule = rules.find(({ table }) => table === route.table);
  return ` of table ${route.table}${rule === undefined ? '' : `, by rule ${rule.words}`}`;
}

/** Priority of the rule that asks the main table. */
const MAIN_PRIORITY = 32_766;

/** Why the kernel has no route, as far as what it says of itself explains it. */
function refusalWords(passage: Passage, facts: PassageFacts, error: string): string {
  const { place, family, destination } = passage;
  const { entry, refusing, rules, sysctls } = facts;
  if (family === 4 && entry !== undefined && passage.aim.to !== 'here') {
    if (sysctls['net/ipv4/ip_forward'] === '0')
      return `net.ipv4.ip_forward of ${place} is 0: the kernel passes nothing on`;
    const own = `net/ipv4/conf/${entry.name}/forwarding`;
    if (sysctls[own] === '0') return `${own.replaceAll('/', '.')} of ${place} is 0: the kernel passes nothing on`;
  }
  const spoofed = reversePathWords(passage, facts);
  if (spoofed !== '') return spoofed;
  const rule = rules.find(({ action, priority }: PolicyRule) => action !== '' && priority < MAIN_PRIORITY);
  const [route] = refusing;
  const because =
    rule !== undefined
      ? `, maybe by rule ${rule.words}`
      : route === undefined
        ? ''
        : route.isOurs && route.type === 'blackhole'
          ? `: what holds is weft's ${route.type} route for ${route.prefix}, as no other is left`
          : `: there is a route ${route.type} ${route.prefix}`;
  return `the kernel of ${place} has no way to ${destination}${because === '' ? `: ${error}` : because}`;
}

/** A source that comes in where it should not, by the parameter of the kernel that looks at this. */
function reversePathWords({ family, place, source }: Passage, { entry, wayBack, sysctls }: PassageFacts): string {
  if (family === 6 || entry === undefined || wayBack === undefined) return '';
  const name = `net/ipv4/conf/${entry.name}/rp_filter`;
  const mode = Math.max(Number(sysctls[name] ?? 0), Number(sysctls['net/ipv4/conf/all/rp_filter'] ?? 0));
  if (mode === 0) return '';
  const title = `rp_filter of ${entry.name} at ${place} is ${mode}`;
  if ('error' in wayBack) return `${title}: there is no way back to ${source} (${wayBack.error})`;
  if (mode !== 1 || wayBack.device === entry.name) return '';
  return `${title}, and the way back to ${source} leads to ${wayBack.device}: the kernel takes it for spoofed`;
}

function* exitObstacles(
  { place, sizeBytes, aim }: Passage,
  { entry, exit, neighbour }: PassageFacts,
): Generator<Obstacle> {
  const link = exit as LinkState;
  if (sizeBytes > link.mtuBytes) {
    const text = `it has ${sizeBytes} bytes, more than the MTU of ${link.name} at ${place}, ${link.mtuBytes}`;
    // Who makes it cuts it into fragments, unless its program asked for none.
    if (entry === undefined)
      yield doubt('doubt', `${text}: it is cut, or refused to a program that does not want that`);
    else yield stop(`${text}, and may not be cut`);
  }
  if (neighbour === undefined) return;
  const { address, mac, states } = neighbour;
  const wanted = aim.to === 'device' ? aim.mac : undefined;
  if (mac !== '' && wanted !== undefined && mac !== wanted) {
    yield stop(
      `${place} sends what is for ${address} to the MAC address ${mac}, and ${link.name} leads to ${wanted} (${states.join(' ')})`,
    );
  }
  if (states.includes('FAILED'))
    yield doubt(
      'unknown',
      `${address} did not answer on ${link.name} of ${place} lately: its MAC address is not known`,
    );
}

function passWords({ place, aim, destination }: Passage, { entry, route, exit }: PassageFacts): string {
  const into = entry === undefined ? '' : `in by ${entry.name}, `;
  if ('error' in route) return `${into}no route to ${destination}`;
  if (aim.to === 'here' || route.type === 'local') return `${into}for ${place} itself`;
  const via = route.gateway === '' ? '' : ` to ${route.gateway}`;
  return `${into}out by ${exit?.name ?? route.device}${via}`;
}
