/** The rulebook, put together: what operators gave to the cluster, on this node's disk, and as objects for who enforces it. */
import type { Notice } from '../api/control-api.ts';
import { Rulebook } from '../rulebook/rulebook.ts';
import type { Composition } from './composition.ts';
import type { NodeState } from './node-state.ts';
import { systemClock, systemRandom } from './process/system-environment.ts';
import { RulebookFile } from './rulebook/rulebook-file.ts';
import { rulebookNotices } from './rulebook/rulebook-notices.ts';
import { type GivenResource, RulebookObjects } from './rulebook/rulebook-objects.ts';

/**
 * A node whose disk has never held it waits this long, in ms, for others to tell it. If there are others, they have told it within a second;
 * if there are none, it is the first.
 */
const HEARING_WAIT_MS = 5_000;

export interface ComposedRulebook {
  readonly rulebook: Rulebook;
  readonly objects: RulebookObjects;
  readonly file: RulebookFile;
  /** Whether this node knows what the cluster holds, or did when it ended. @param hasSeeds whether there are said to be others */
  isKnown(hasSeeds: boolean): boolean;
  /** Has `follow` called with objects that are others. */
  follow(follow: (resource: GivenResource, keys: readonly string[]) => void): void;
  notices(): readonly Notice[];
}

/** Begins with what an earlier run held. Gossip carries it from when that begins. */
export function composeRulebook(
  { config, logger, opened }: Composition,
  { directory }: Pick<NodeState, 'directory'>,
): ComposedRulebook {
  const startedMs = systemClock.nowMs();
  const file = new RulebookFile(directory.file('rulebook.json'), logger);
  const followers: Parameters<ComposedRulebook['follow']>[0][] = [];
  let isGiven = false;
  const rulebook: Rulebook = new Rulebook({
    nodeName: config.nodeName,
    clock: systemClock,
    random: systemRandom,
    timeOfDayMs: Date.now,
    entries: file.entries ?? [],
    onChange: (entries) => {
      isGiven = true;
      file.saveSoon(() => rulebook.encoded());
      for (const [resource, keys] of objects.update(entries)) for (const follow of followers) follow(resource, keys);
    },
    onHeard: () => file.saveSoon(() => rulebook.encoded()),
  });
  const objects = new RulebookObjects(rulebook.objects());
  opened.defer(() => {
    rulebook.stop();
    file.close(rulebook.encoded());
  });
  return {
    rulebook,
    objects,
    file,
    isKnown: (hasSeeds) => {
      if (file.entries !== undefined || rulebook.isHeard || isGiven) return true;
      if (file.isCorrupt) return false;
      return !hasSeeds || systemClock.nowMs() - startedMs >= HEARING_WAIT_MS;
    },
    follow: (follow) => followers.push(follow),
    notices: () => rulebookNotices(rulebook),
  };
}
