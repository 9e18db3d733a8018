/** Gossip, put together: who the members are, and who hears of it. */
import type { PodDirectory } from '../directory/pod-directory.ts';
import type { OverlayRoutes } from '../forwarding/overlay-routes.ts';
import type { MemberChange } from '../membership/announcement.ts';
import type { Rulebook } from '../rulebook/rulebook.ts';
import { PathReporter } from '../paths/path-reporter.ts';
import type { Prefix } from '../wire/prefix.ts';
import type { OwnPrefixes } from './routes/own-prefixes.ts';
import type { Composition } from './composition.ts';
import { AnnouncementDelays, type GossipHistograms } from './gossip/gossip-metrics.ts';
import { Gossip } from './gossip/gossip.ts';
import { noteMember } from './gossip/member-history.ts';
import { TimerLateness } from './gossip/timer-lateness.ts';
import type { NodeState } from './node-state.ts';
import type { Pace } from './process/pace.ts';
import { systemClock } from './process/system-environment.ts';
import type { Resources } from './resources.ts';
import type { NodeFirewall } from './rules/node-firewall.ts';
import type { ThisNode } from './this-node.ts';

export interface GossipParts {
  readonly node: ThisNode;
  readonly state: NodeState;
  readonly prefixes: OwnPrefixes;
  readonly routes: OverlayRoutes;
  readonly directory: PodDirectory;
  readonly rulebook: Rulebook;
  readonly firewall: NodeFirewall;
  readonly resources: Resources;
  readonly pace: Pace;
  /** Of links, where it answers for addresses; see `Announcement`. */
  readonly linkPrefixes: readonly Prefix[];
  /** Is told of members that are not what they were. */
  readonly onMembers: (changes: readonly MemberChange[]) => void;
}

export interface ComposedGossip {
  readonly gossip: Gossip;
  readonly histograms: GossipHistograms;
}

/** Begins. Routes and rules follow the members from then on. @throws WeftError `port-in-use` */
export async function composeGossip(composition: Composition, parts: GossipParts): Promise<ComposedGossip> {
  const { config, events, logger, opened } = composition;
  const { node, state, prefixes, routes, directory, rulebook, firewall, resources, pace, linkPrefixes, onMembers } =
    parts;
  const delays = new AnnouncementDelays(systemClock.nowMs());
  const lateness = new TimerLateness(systemClock);
  const gossip: Gossip = await Gossip.open({
    clock: lateness,
    measuredPaths: () => routes.measuredPaths(),
    announcement: { ...node.announcement, prefixes: prefixes.announced(), linkPrefixes },
    pods: directory,
    rulebook,
    incarnation: state.nodeIdentity.incarnation,
    seeds: config.gossip.seeds,
    preset: config.gossip.preset,
    store: state.directory.file('members.json'),
    keys: state.keys,
    streams: resources.doors.streams,
    logger,
    pace,
    onChange: (self, others, changes) => {
      state.incarnations.used(self.incarnation);
      for (const change of changes) noteMember(events, change);
      routes.update(self, others);
      firewall.update({ members: others });
      onMembers(changes);
      for (const change of changes) delays.used(change, systemClock.nowMs());
    },
  });
  opened.defer(() => gossip.close());
  prefixes.onAnnouncement((announced) => gossip.announcePrefixes(announced));
  const reporter = new PathReporter({
    clock: systemClock,
    paths: () => routes.measuredPaths(),
    announced: () => gossip.current().self.announcement.pathReports,
    announce: (reports) => gossip.announcePaths(reports),
  });
  opened.defer(() => reporter.close());
  return { gossip, histograms: { delays, lateness } };
}
