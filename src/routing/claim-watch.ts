/** Whether members claim anything else than before: much of what gossip brings changes no route. */
import type { Announcement, Member } from '../membership/announcement.ts';
import { equalBytes } from '../wire/octets.ts';
import { equalEndpoints } from '../wire/address.ts';
import { comparePrefixes } from '../wire/prefix.ts';

/** What is different about the claims of members. */
export interface ClaimChange {
  /** Whether routes have to be resolved again. If not, they are the same, but for their versions. */
  readonly isDecisive: boolean;
  /** New incarnations, by identity, of nodes that claim what they claimed before. */
  readonly versions: ReadonlyMap<string, number>;
}

/** Compares one list of members with the next. */
export class ClaimWatch {
  #members = new Map<string, Member>();

  /** These are the members now. This node may be among the others. The first ones are decisive. */
  update(self: Member, others: readonly Member[]): ClaimChange {
    const before = this.#members;
    const members = new Map<string, Member>();
    for (const member of others) members.set(member.announcement.identity, member);
    members.set(self.announcement.identity, self);
    this.#members = members;
    const versions = new Map<string, number>();
    let isDecisive = before.size === 0;
    for (const [identity, member] of members) {
      const known = before.get(identity);
      if (known === member) continue;
      if (!claimTheSame(known, member)) isDecisive = true;
      else if (known?.incarnation !== member.incarnation) versions.set(identity, member.incarnation);
    }
    for (const [identity, member] of before) if (!members.has(identity) && isLive(member)) isDecisive = true;
    return { isDecisive, versions };
  }

  /** Forgets what it knows: what comes next is decisive. */
  forget(): void {
    this.#members = new Map();
  }
}

/** Everything that decides about routes, on whatever node. */
function claimTheSame(before: Member | undefined, after: Member): boolean {
  if (!isLive(before) || !isLive(after)) return isLive(before) === isLive(after);
  const [a, b] = [before.announcement, after.announcement];
  if (a === b) return true;
  return (
    a.name === b.name && a.network === b.network && equalBytes(a.mac, b.mac) && haveOnePlace(a, b) && holdTheSame(a, b)
  );
}

function haveOnePlace({ dataEndpoints: a }: Announcement, { dataEndpoints: b }: Announcement): boolean {
  return (
    a.length === b.length &&
    a.every(({ gear, endpoint }, index) => gear === b[index]!.gear && equalEndpoints(endpoint, b[index]!.endpoint))
  );
}

function holdTheSame({ prefixes: a }: Announcement, { prefixes: b }: Announcement): boolean {
  return a.length === b.length && a.every((prefix, index) => comparePrefixes(prefix, b[index]!) === 0);
}

function isLive(member: Member | undefined): member is Member {
  return member?.state === 'alive' || member?.state === 'suspect';
}
