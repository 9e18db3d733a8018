/**
 * What a node holds true of the cluster, in a few letters: `weft routes --digest`. Two nodes that print the same agree.
 *
 * The first 64 bits of SHA-256 over lines of text: enough to notice a difference, and short enough to read out.
 */
import { createHash } from 'node:crypto';
import type { Member } from '../../membership/announcement.ts';
import type { ResolvedRoute } from '../../routing/resolved-route.ts';
import { formatPrefix } from '../../wire/prefix.ts';
import type { Digest, NodeDigest } from '../../api/control-api.ts';

const DIGEST_HEX_DIGITS = 16;

/**
 * @param members all, this node included, in any order.
 * @param routes those in use, in order of their prefixes.
 */
export function digestOf(members: readonly Member[], routes: readonly ResolvedRoute[]): Digest {
  const ordered = [...members].sort((a, b) => compareText(a.announcement.identity, b.announcement.identity));
  const shared = routes.filter(({ owner }) => owner.kind !== 'static');
  const lines = shared.map(lineOf);
  const linesByNode = Map.groupBy(lines, (_line, index) => shared[index]!.owner.identity);
  return {
    routes: { count: shared.length, digest: hash(lines) },
    members: {
      count: ordered.length,
      digest: hash(
        ordered.map(({ announcement, state, incarnation }) =>
          [announcement.identity, state, incarnation, announcement.name].join(' '),
        ),
      ),
    },
    nodes: ordered
      .map((member) => nodeDigest(member, linesByNode.get(member.announcement.identity) ?? []))
      .sort((a, b) => compareText(a.name, b.name) || compareText(a.identity, b.identity)),
  };
}

function nodeDigest({ announcement, state, incarnation }: Member, lines: readonly string[]): NodeDigest {
  const { name, identity } = announcement;
  const digest = lines.length === 0 ? '' : hash(lines);
  return { name, identity, state, version: incarnation, routes: lines.length, digest };
}

function lineOf({ prefix, owner, version }: ResolvedRoute): string {
  return `${formatPrefix(prefix)} ${owner.identity} ${version}`;
}

function hash(lines: readonly string[]): string {
  const digest = createHash('sha256');
  for (const line of lines) digest.update(`${line}\n`);
  return digest.digest('hex').slice(0, DIGEST_HEX_DIGITS);
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
