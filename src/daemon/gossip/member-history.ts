/** What becomes of members, as events. */
import type { Announcement, Member, MemberChange } from '../../membership/announcement.ts';
import { type Endpoint, formatEndpoint, formatIpAddress } from '../../wire/address.ts';
import type { EventSink } from '../process/event-log.ts';

/** Notes one change of another member. */
export function noteMember(events: EventSink, { before, after }: MemberChange): void {
  if (after === undefined) noteForgotten(events, before!);
  else if (before === undefined) noteNew(events, after);
  else noteChanged(events, before, after);
}

function noteNew(events: EventSink, member: Member): void {
  const { state, announcement } = member;
  const { name, gossipEndpoint } = announcement;
  const isLive = state === 'alive' || state === 'suspect';
  const message = isLive
    ? `${name} joined, at ${formatEndpoint(gossipEndpoint)}`
    : `${name} is ${state}, as others tell`;
  add(events, isLive ? 'member-joined' : `member-${state}`, member, undefined, message);
}

function noteForgotten(events: EventSink, member: Member): void {
  const { state, announcement } = member;
  add(events, 'member-forgotten', member, member, `${announcement.name}, which was ${state}, is forgotten`);
}

function noteChanged(events: EventSink, before: Member, now: Member): void {
  if (now.state !== before.state) add(events, `member-${now.state}`, now, before, sentenceOn(before, now));
  if (now.announcement === before.announcement) return;
  const { name } = now.announcement;
  if (name !== before.announcement.name) {
    add(events, 'member-announced', now, before, `${before.announcement.name} is now called ${name}`);
  }
  const move = moveOf(endpointsOf(before.announcement), endpointsOf(now.announcement));
  if (move !== undefined) add(events, 'member-address-changed', now, before, `${name} moved ${move}`);
  const fields = otherFields(before.announcement, now.announcement);
  if (fields.length > 0) {
    add(events, 'member-announced', now, before, `${name} announces other ${fields.join(', ')}`);
  }
}

type MemberEventKind = Extract<Parameters<EventSink['add']>[0], `member-${string}`>;

function add(
  events: EventSink,
  kind: MemberEventKind,
  { announcement, state, incarnation }: Member,
  before: Member | undefined,
  message: string,
): void {
  const { name, identity, gossipEndpoint } = announcement;
  const endpoint = formatEndpoint(gossipEndpoint);
  const details = { identity, state, before: before?.state ?? null, version: incarnation, endpoint };
  events.add(kind, { subject: name, message, details });
}

function sentenceOn(before: Member, { announcement: { name }, state, incarnation }: Member): string {
  if (state === 'suspect') return `${name} is suspect: it does not answer`;
  if (state === 'dead') return `${name} is dead: it has not refuted the suspicion in time`;
  if (state === 'left') return `${name} left`;
  return before.state === 'suspect'
    ? `${name} refuted the suspicion, with version ${incarnation}`
    : `${name} is back, with version ${incarnation}; it was ${before.state}`;
}

function endpointsOf({ gossipEndpoint, dataEndpoints }: Announcement): readonly Endpoint[] {
  return [gossipEndpoint, ...dataEndpoints.map(({ endpoint }) => endpoint)];
}

/** In words, with ports only if these are all that changed. */
function moveOf(before: readonly Endpoint[], now: readonly Endpoint[]): string | undefined {
  const [endpointsBefore, endpointsNow] = [listed(before, formatEndpoint), listed(now, formatEndpoint)];
  if (endpointsBefore === endpointsNow) return undefined;
  const [addressesBefore, addressesNow] = [listed(before, addressOf), listed(now, addressOf)];
  return addressesBefore === addressesNow
    ? `from ${endpointsBefore} to ${endpointsNow}`
    : `from ${addressesBefore} to ${addressesNow}`;
}

function listed(endpoints: readonly Endpoint[], format: (endpoint: Endpoint) => string): string {
  return [...new Set(endpoints.map(format))].join(' and ');
}

function addressOf({ address }: Endpoint): string {
  return formatIpAddress(address);
}

/**
 * How the fields of an announcement are called towards people. Names and addresses have sentences of their own; and path
 * reports are measurements, which change all the time where something is wrong.
 */
const words = {
  mac: 'MAC address',
  nodeAddresses: 'node addresses',
  prefixes: 'prefixes',
  mtuBytes: 'MTU',
  version: 'version of weft',
  capabilities: 'capabilities',
  keyIds: 'keys',
} as const satisfies Partial<Record<keyof Announcement, string>>;

function otherFields(before: Announcement, now: Announcement): string[] {
  return (Object.keys(words) as (keyof typeof words)[])
    .filter((field) => JSON.stringify(before[field]) !== JSON.stringify(now[field]))
    .map((field) => words[field]);
}
