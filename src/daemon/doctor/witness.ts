/** What this node knows of another one that somebody misses: asked, as the missing node cannot be. */
import * as v from 'valibot';
import { ConfigError, WeftError } from '../../errors.ts';
import type { Testimony } from '../../doctor/lost-node.ts';
import type { Announcement, Member } from '../../membership/announcement.ts';
import { formatEndpoint } from '../../wire/address.ts';
import type { DoctorParts } from './doctor-parts.ts';
import type { Echoes } from '../probes/echoes.ts';
import { dataEndpointOf } from '../../forwarding/active-peers.ts';
import { systemClock } from '../process/system-environment.ts';

/** Question to another node: what it knows of a third. */
export const WITNESS_QUESTION = 'doctor-witness';

/** The answer; who gives it is known. */
export type WitnessAnswer = Omit<Testimony, 'witness'>;

/** What is asked. */
export interface WitnessRequest {
  readonly node: string;
}

/** How long an answer to a ping or a probe is awaited, and how many of each there are. */
const TIMEOUT_MS = 1_000;
const PROBES = 3;
const PROBE_BYTES = 84;

const request = v.object({ node: v.string() });

/** What somebody asks for. @throws ConfigError */
export function parseWitnessRequest(body: unknown): WitnessRequest {
  const result = v.safeParse(request, body);
  if (!result.success) throw new ConfigError('node', 'is not text');
  return result.output;
}

/** Looks for it as well: by a ping, over TCP, and by probes. Takes as long as connecting may take. */
export async function testify(
  { node }: WitnessRequest,
  parts: DoctorParts,
  echoes: Pick<Echoes, 'echo'>,
): Promise<WitnessAnswer> {
  const { gossip } = parts;
  const member = find(gossip.members(), node);
  if (member === undefined) return UNKNOWN;
  const { announcement, state, incarnation, sinceMs } = member;
  const { identity, gossipEndpoint } = announcement;
  const data = dataEndpointOf(announcement);
  const [pinged, refusal, probes] = await Promise.all([
    ping(announcement, echoes),
    refusalOf(announcement, parts),
    probe(identity, parts),
  ]);
  const nowMs = systemClock.nowMs();
  const sighting = gossip.sightingOf(identity);
  const heardMs = sighting?.heardMs;
  return {
    state,
    sinceAgoMs: Math.max(0, nowMs - sinceMs),
    incarnation,
    gossipEndpoint: formatEndpoint(gossipEndpoint),
    endpoint: data === undefined ? '' : formatEndpoint(data),
    knowsSenders: sighting !== undefined,
    heardAgoMs: heardMs === undefined ? null : Math.max(0, nowMs - heardMs),
    pinged,
    refusal,
    probes,
  };
}

const UNKNOWN: WitnessAnswer = {
  state: 'unknown',
  sinceAgoMs: 0,
  incarnation: 0,
  gossipEndpoint: '',
  endpoint: '',
  knowsSenders: false,
  heardAgoMs: null,
  pinged: null,
  refusal: null,
  probes: null,
};

/** Of several with one name, the one that was announced last: earlier ones are left over. */
function find(members: readonly Member[], name: string): Member | undefined {
  const [latest] = members
    .filter(({ announcement }) => announcement.name === name)
    .sort((a, b) => b.announcedMs - a.announcedMs);
  return latest;
}

async function ping({ gossipEndpoint }: Announcement, echoes: Pick<Echoes, 'echo'>): Promise<boolean | null> {
  const { roundTripMs, problem } = await echoes.echo(gossipEndpoint.address, TIMEOUT_MS);
  if (roundTripMs !== null) return true;
  return problem === '' ? false : null;
}

/** Why nobody talks to it; empty: it answers; `null`: without keys nobody can ask. */
async function refusalOf({ gossipEndpoint, identity }: Announcement, { gossip }: DoctorParts): Promise<string | null> {
  if (!gossip.conversations.isSealed) return null;
  try {
    const conversation = await gossip.conversations.converse(gossipEndpoint);
    conversation.close();
    return conversation.peer === identity ? '' : 'another node answers there';
  } catch (error) {
    if (error instanceof WeftError) return error.message;
    throw error;
  }
}

/** Those to a node that is not there any more are sent to nobody. */
async function probe(identity: string, { paths, routes }: DoctorParts): Promise<Testimony['probes']> {
  if (paths === undefined) return null;
  const outcomes = await Promise.all(
    Array.from({ length: PROBES }, async () => paths.probe(routes.waysTo(identity).direct, PROBE_BYTES, TIMEOUT_MS)),
  );
  const sent = outcomes.filter((outcome) => outcome === 'lost' || typeof outcome === 'object');
  return sent.length === 0
    ? null
    : { sent: sent.length, answered: sent.filter((outcome) => typeof outcome === 'object').length };
}
