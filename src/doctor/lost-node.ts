/** A node that did not answer, and what the others know of it. */
import { byHand, type FindingKinds } from './check.ts';
import type { Fix, SharedFinding } from './finding.ts';
import { nodesInWords } from './node-words.ts';

/** What only several nodes together find. */
export const lostNodeFinds: FindingKinds = {
  'node-silent': {
    severity: 'error',
    title: 'a node that others count as alive could not be asked, neither from here nor through others',
    cause: 'its daemon hangs or has just ended, its machine has, or it is cut off from those who asked',
  },
};

const OUTCOME = 'its pods cannot be reached';

/** What one node knows of another. */
export interface Testimony {
  /** Who tells it. */
  readonly witness: string;
  /** `unknown`: it knows no such member. */
  readonly state: 'alive' | 'suspect' | 'dead' | 'left' | 'unknown';
  /** How long it has been in that state, in ms. */
  readonly sinceAgoMs: number;
  readonly incarnation: number;
  /** Endpoints that it announced; empty: none. */
  readonly gossipEndpoint: string;
  readonly endpoint: string;
  /** Whether the witness knows of whom it heard what: its gossip is authenticated. */
  readonly knowsSenders: boolean;
  /** How long ago something came from it that was authentic; `null`: nothing did since the witness started, or that is not known. */
  readonly heardAgoMs: number | null;
  /** Whether its address answers a ping beside the tunnel; `null`: none could be sent. */
  readonly pinged: boolean | null;
  /** Why nobody talks on its gossip port over TCP; empty: it does; `null`: that could not be tried. */
  readonly refusal: string | null;
  /** Probes that went straight to its data port; `null`: none could be sent. */
  readonly probes: { readonly sent: number; readonly answered: number } | null;
}

/** What is told of one node. */
export interface Hearing {
  readonly node: string;
  readonly told: readonly Testimony[];
  /** Whether all were asked that answered anything. */
  readonly isComplete: boolean;
  /** Wall-clock time, to which what witnesses tell is related: their clocks may differ. */
  readonly nowMs: number;
}

/** A finding about it. */
export function lostNodeFinding({ node, told, isComplete, nowMs }: Hearing): SharedFinding {
  const known = told.filter(({ state }) => state !== 'unknown');
  const isDead = known.some(({ state }) => state === 'dead');
  const id = isDead ? 'node-dead' : 'node-silent';
  return {
    id,
    severity: 'error',
    title: isDead ? deadTitle(node, known, isComplete, nowMs) : silentTitle(node, known, nowMs),
    evidence: [
      ...statesOf(told, nowMs),
      ...heardBy(known, nowMs),
      ...announcedBy(known),
      ...pingsOf(known),
      ...streamsOf(known),
      ...probesOf(known),
    ],
    cause: causeOf(known),
    fix: fixOf(node, known, isDead),
    nodes: [node],
    seenBy: told.map(({ witness }) => witness),
  };
}

function deadTitle(node: string, known: readonly Testimony[], isComplete: boolean, nowMs: number): string {
  const agreeing = known.filter(({ state }) => state === 'dead');
  const names = nodesInWords(agreeing.map(({ witness }) => witness));
  if (agreeing.length < known.length) return `${node} is dead for ${names}, and not for others`;
  const agree = agreeing.length > 1 ? ' agree' : '';
  if (!agreeing.some(({ knowsSenders }) => knowsSenders)) return `${node} is dead (${names}${agree}): ${OUTCOME}`;
  const last = lastHeardMs(known, nowMs);
  const since = last === undefined ? '' : ` since ${timeOf(last)}`;
  const who = isComplete ? 'nobody' : 'none of those that were asked';
  return `${node} has been heard by ${who}${since} (${names}${agree}): ${OUTCOME}`;
}

function silentTitle(node: string, known: readonly Testimony[], nowMs: number): string {
  const last = lastHeardMs(known, nowMs);
  return `${node} does not answer${last === undefined ? '' : `, and was last heard at ${timeOf(last)}`}`;
}

/** Who counts it as what, and since when. */
function statesOf(told: readonly Testimony[], nowMs: number): string[] {
  return grouped(told, ({ state }) => state).map(([state, those]) => {
    const names = nodesInWords(those.map(({ witness }) => witness));
    const counts = those.length === 1 ? 'counts' : 'count';
    if (state === 'unknown') return `${names} ${those.length === 1 ? 'knows' : 'know'} no such node`;
    const since = Math.min(...those.map(({ sinceAgoMs }) => nowMs - sinceAgoMs));
    return `${names} ${counts} it as ${state}, since ${timeOf(since)}`;
  });
}

/** The three who heard it last. */
function heardBy(known: readonly Testimony[], nowMs: number): string[] {
  const knowing = known.filter(({ knowsSenders }) => knowsSenders);
  if (knowing.length === 0) return [];
  const heard = knowing
    .flatMap(({ witness, heardAgoMs }) => (heardAgoMs === null ? [] : [{ witness, atMs: nowMs - heardAgoMs }]))
    .sort((a, b) => b.atMs - a.atMs);
  if (heard.length === 0) return ['none of those that were asked has heard it since they started'];
  return [
    `heard last: ${heard
      .slice(0, 3)
      .map(({ witness, atMs }) => `by ${witness} at ${timeOf(atMs)}`)
      .join(', ')}`,
  ];
}

/** As whoever heard the newest of it has it. */
function announcedBy(known: readonly Testimony[]): string[] {
  const [newest] = known.toSorted((a, b) => b.incarnation - a.incarnation);
  if (newest === undefined) return [];
  const { gossipEndpoint, endpoint, incarnation } = newest;
  const data = endpoint === '' ? '' : ` and ${endpoint} for VXLAN`;
  return [`it announced ${gossipEndpoint} for gossip${data}, last in incarnation ${incarnation}`];
}

function pingsOf(known: readonly Testimony[]): string[] {
  return grouped(
    known.filter(({ pinged }) => pinged !== null),
    ({ pinged }) => (pinged === true ? 'its address answers pings of' : 'its address answers no pings of'),
  ).map(([words, those]) => `${words} ${nodesInWords(those.map(({ witness }) => witness))}`);
}

function streamsOf(known: readonly Testimony[]): string[] {
  const tried = known.flatMap(({ witness, refusal }) => (refusal === null ? [] : [{ witness, refusal }]));
  return grouped(tried, ({ refusal }) => refusal).map(([refusal, those]) => {
    const names = nodesInWords(those.map(({ witness }) => witness));
    return refusal === '' ? `over TCP, it answers ${names}` : `over TCP, ${names} cannot talk to it: ${refusal}`;
  });
}

function probesOf(known: readonly Testimony[]): string[] {
  return known
    .flatMap(({ witness, probes }) => (probes === null ? [] : [{ witness, ...probes }]))
    .map(
      ({ witness, sent, answered }) =>
        `${witness}: ${answered} of ${sent} probes straight to its VXLAN port were answered`,
    )
    .slice(0, 3);
}

/** As far as it can be told from outside. */
function causeOf(known: readonly Testimony[]): string {
  const refusals = known.flatMap(({ refusal }) => refusal ?? []);
  if (refusals.includes(''))
    return 'its daemon is there, and answers over TCP: UDP is dropped on the way, or it is slow';
  if (refusals.some((refusal) => refusal.includes('ECONNREFUSED')))
    return 'its daemon does not run: its machine refuses connections to its gossip port; or a firewall rejects them';
  if (isOfOtherKeys(known))
    return 'something listens there that does not take what these nodes seal: a daemon with other keys, or something else';
  if (known.some(({ probes }) => probes !== null && probes.answered > 0))
    return 'its data path answers, so its machine is there: the main thread of its daemon hangs, or a firewall drops its gossip';
  if (known.some(({ pinged }) => pinged === true))
    return 'its machine is there, and its daemon hangs; or a firewall drops what goes to its gossip port';
  if (known.every(({ pinged, refusal, probes }) => pinged === null && refusal === null && probes === null))
    return 'not known: none of those that were asked could try its address';
  return 'its machine is off, or is cut off from all that were asked; or a firewall drops all that they send';
}

function fixOf(node: string, known: readonly Testimony[], isDead: boolean): Fix {
  if (isOfOtherKeys(known)) return byHand('look at the keys, there and here: they need one in common', 'weft key list');
  return isDead
    ? byHand('look after the node; one that never comes back is to be forgotten', `weft peer forget ${node}`)
    : byHand('look after the node: on it, its own doctor says more', 'weft doctor');
}

/** Whoever holds none of the keys that a stranger uses says nothing to him. */
function isOfOtherKeys(known: readonly Testimony[]): boolean {
  const tried = known.filter(({ refusal }) => refusal !== null);
  return tried.length > 0 && tried.every(({ refusal }) => refusal!.includes('closes the connection'));
}

function lastHeardMs(known: readonly Testimony[], nowMs: number): number | undefined {
  const heard = known.flatMap(({ heardAgoMs }) => (heardAgoMs === null ? [] : [nowMs - heardAgoMs]));
  return heard.length === 0 ? undefined : Math.max(...heard);
}

function grouped<Told, Key extends string>(told: readonly Told[], keyOf: (one: Told) => Key): [Key, readonly Told[]][] {
  return [...Map.groupBy(told, keyOf)];
}

function timeOf(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}
