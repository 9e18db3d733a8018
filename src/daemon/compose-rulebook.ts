/** The rulebook, put together: what operators gave to the cluster, on this node's disk, and as objects for who enforces it. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Notice } from '../api/control-api.ts';
import { SEEKING_MS } from '../rulebook/knowledge.ts';
import { Rulebook } from '../rulebook/rulebook.ts';
import type { Composition } from './composition.ts';
import type { NodeState } from './node-state.ts';
import { systemClock, systemRandom } from './process/system-environment.ts';
import { RulebookFile } from './rulebook/rulebook-file.ts';
import { rulebookNotices } from './rulebook/rulebook-notices.ts';
import { type GivenResource, RulebookObjects } from './rulebook/rulebook-objects.ts';

/** How often it is looked whether it is known what the cluster holds, in ms, while somebody waits. */
const LOOK_MS = 50;

export interface ComposedRulebook {
  readonly rulebook: Rulebook;
  readonly objects: RulebookObjects;
  readonly file: RulebookFile;
  /** Whether this node knows what the cluster holds, or did when it ended, or there is nobody who could tell. */
  isKnown(): boolean;
  /** Resolves when it is known, or that takes longer than a node waits which is the first. */
  known(): Promise<void>;
  /** Has `follow` called with objects that are others. */
  follow(follow: (resource: GivenResource, keys: readonly string[]) => void): void;
  notices(): readonly Notice[];
}

/** Begins with what an earlier run held. Gossip carries it from when that begins. */
export function composeRulebook(
  { config, logger, opened }: Composition,
  { directory }: Pick<NodeState, 'directory'>,
): ComposedRulebook {
  const file = new RulebookFile(directory.file('rulebook.json'), logger);
  const followers: Parameters<ComposedRulebook['follow']>[0][] = [];
  const rulebook: Rulebook = new Rulebook({
    nodeName: config.nodeName,
    clock: systemClock,
    random: systemRandom,
    timeOfDayMs: Date.now,
    ...(file.entries !== undefined && { entries: file.entries }),
    mayBeFirst: !file.isCorrupt,
    onChange: (entries, isStored) => {
      if (!isStored && rulebook.isHeard) file.saveSoon(() => rulebook.entries());
      for (const [resource, keys] of objects.update(entries)) for (const follow of followers) follow(resource, keys);
    },
    onHeard: () => file.saveSoon(() => rulebook.entries()),
  });
  const objects = new RulebookObjects(rulebook.objects());
  let isBegun = false;
  opened.defer(() => {
    rulebook.stop();
    file.close(rulebook.entries());
  });
  return {
    rulebook,
    objects,
    file,
    // What was begun with counts, also while a node that found nobody gets what others hold.
    isKnown: () => (isBegun ||= rulebook.isKnown),
    known: async () => {
      const startMs = systemClock.nowMs();
      while (!rulebook.isKnown && systemClock.nowMs() - startMs <= SEEKING_MS) await sleep(LOOK_MS);
    },
    follow: (follow) => followers.push(follow),
    notices: () => rulebookNotices(rulebook),
  };
}
