/** Pod directories of several nodes, with a membership in which everybody hears at once what somebody announces. */
import type { DirectoryPod } from '../../src/directory/directory-pod.ts';
import { PodDirectory } from '../../src/directory/pod-directory.ts';
import type { Member, MemberState, PodSummary } from '../../src/membership/announcement.ts';
import { type Endpoint, parseIpAddress } from '../../src/wire/address.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';
import { endpoint, identityOf, memberOf } from './announcements.ts';
import { ManualClock } from './manual-clock.ts';

/** Pod `name` of node `number`, at 10.200.NUMBER.SERIAL, or further on. */
export function podOf(number: number, name: string, serial = 2, change: Partial<DirectoryPod> = {}): DirectoryPod {
  return {
    name,
    namespace: 'default',
    addresses: [parseIpAddress(`10.${200 + (serial >> 8)}.${number}.${serial & 0xff}`)!],
    labels: { app: name },
    hasMoreLabels: false,
    ports: [],
    hasMorePorts: false,
    isSuperseded: false,
    ...change,
  };
}

/** So many pods of a node, `web-0` and so on. */
export function somePodsOf(number: number, count: number, revision = 0): DirectoryPod[] {
  const labels = { app: 'web', revision: String(revision) };
  return Array.from({ length: count }, (_, index) => podOf(number, `web-${index}`, index + 2, { labels }));
}

const elsewhere = endpoint('203.0.113.9:7948');

export class Directories {
  readonly clock = new ManualClock();
  readonly nodes = new Map<number, PodDirectory>();
  /** Every change that somebody passed on. */
  readonly changes: { readonly from: number; readonly identity: string; readonly bytes: Uint8Array }[] = [];
  /** Who asked whom. */
  readonly requests: { readonly from: number; readonly to: number }[] = [];
  /** What changed in a directory, as it said. */
  readonly notified: { readonly node: number; readonly identities: readonly string[] }[] = [];
  /** Takes the place of an answer; `undefined`: there is none. */
  answers: (to: number, answer: Uint8Array | undefined) => Uint8Array | undefined = (_, answer) => answer;
  /** Who answers for members that do not run. */
  standIn: number | undefined;
  /** How long one waits for the answer of another, in ms; for ever if that is infinite. */
  answerMs: (from: number, to: number) => number = () => 1;
  /** Whether directories are told of what is announced, or find it out for themselves. */
  isFollowed = true;
  /** Whether changes get to others. */
  changesPass = true;
  readonly #members = new Map<number, Member>();

  /** Starts node `number` with these pods. */
  start(number: number, pods: readonly DirectoryPod[], firstVersion = 1_000): PodDirectory {
    const directory = new PodDirectory({
      identity: identityOf(number),
      clock: this.clock,
      random: new SeededRandom(number),
      firstVersion,
      pods,
      onChange: (identities) => this.notified.push({ node: number, identities }),
    });
    this.nodes.set(number, directory);
    directory.attach({
      announcePods: (summary) => this.announce(number, summary),
      spreadPods: (identity, bytes) => this.#spread(number, identity, bytes),
      askForPods: (to, request, onAnswer) => {
        const asked = [...this.#members].find(([, { announcement }]) => announcement.gossipEndpoint === to)![0];
        this.requests.push({ from: number, to: asked });
        const answerMs = this.answerMs(number, asked);
        if (answerMs === Infinity) return;
        this.clock.after(answerMs, () => {
          const answering = this.nodes.get(asked) ?? this.nodes.get(this.standIn ?? asked);
          const answer = answering?.answer(elsewhere, request);
          onAnswer(this.answers(asked, answer?.bytes));
        });
      },
      liveOthers: () =>
        [...this.#members]
          .filter(([other]) => other !== number)
          .map(([, member]) => member)
          .filter(isLive),
      member: (identity) => [...this.#members.values()].find((one) => one.announcement.identity === identity),
    });
    directory.follow([...this.#members.values()].map((after) => ({ before: undefined, after })));
    this.announce(number, directory.summary);
    return directory;
  }

  /** A node that is only talked about announces these pods. */
  announce(number: number, podSummary: PodSummary, state: MemberState = 'alive'): void {
    const before = this.#members.get(number);
    const after = memberOf(number, { podSummary }, state);
    this.#members.set(number, after);
    if (!this.isFollowed) return;
    for (const directory of this.nodes.values()) directory.follow([{ before, after }]);
  }

  endpointOf(number: number): Endpoint {
    return this.#members.get(number)!.announcement.gossipEndpoint;
  }

  /** A member is in another state, or forgotten. */
  setState(number: number, state: MemberState | undefined): void {
    const before = this.#members.get(number)!;
    const after = state && { ...before, state };
    if (after === undefined) this.#members.delete(number);
    else this.#members.set(number, after);
    for (const directory of this.nodes.values()) directory.follow([{ before, after }]);
  }

  /** Whether a node holds the pods of another as that one has them. */
  knows(viewer: number, subject: number): boolean {
    const held = this.nodes.get(viewer)!.versionOf(identityOf(subject));
    const { version, digest } = this.nodes.get(subject)!.summary;
    return held?.version === version && held.digest === digest;
  }

  /** Names of the pods of a node, as another holds them. */
  names(viewer: number, subject: number): string[] {
    return this.nodes
      .get(viewer)!
      .podsOf(identityOf(subject))
      .map(({ name }) => name)
      .sort();
  }

  #spread(from: number, identity: string, bytes: Uint8Array): void {
    this.changes.push({ from, identity, bytes });
    if (!this.changesPass) return;
    this.clock.after(1, () => {
      for (const [number, directory] of this.nodes)
        if (number !== from) directory.takeChange(this.endpointOf(from), bytes);
    });
  }
}

function isLive({ state }: Member): boolean {
  return state === 'alive' || state === 'suspect';
}
