/** Some of the packets that were dropped: a count alone does not tell whom to look at. */
import { harmlessDrops } from '../../doctor/checks/drops.ts';
import type { RecentFacts } from '../../doctor/facts.ts';
import type { DroppedPacket } from '../../api/drop-api.ts';
import type { DropHandlers } from '../explain/drops.ts';

/** Of so many drops at most: whoever floods this node may not make its doctor busy. */
const LOOKED_AT = 200;
/** Different ones of each reason. */
const SHOWN = 3;
const MS_PER_SECOND = 1_000;

/** Of the last `seconds`, the newest first. Looks only if there are any. */
export async function dropExamples(
  drops: DropHandlers,
  { dropped, seconds }: Pick<RecentFacts, 'dropped' | 'seconds'>,
): Promise<RecentFacts['examples']> {
  const reasons = Object.keys(dropped).filter((reason) => !Object.hasOwn(harmlessDrops, reason));
  if (reasons.length === 0) return {};
  const { recent } = await drops.drops({
    sinceMs: Date.now() - seconds * MS_PER_SECOND,
    limit: LOOKED_AT,
    probes: false,
  });
  return Object.fromEntries(
    reasons.map((reason) => {
      const texts = recent.filter((one) => one.reason === reason).map(describe);
      return [reason, [...new Set(texts.toReversed())].slice(0, SHOWN)];
    }),
  );
}

function describe({ direction, peer, pod, source, destination }: DroppedPacket): string {
  const who = direction === 'egress' ? `pod ${pod === '' ? 'unknown' : pod}` : peer === '' ? 'nobody known' : peer;
  return `from ${who}${source === '' ? '' : `, ${source} to ${destination}`}`;
}
