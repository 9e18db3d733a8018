/**
 * The prefixes of this node, which has one owner of them for all who have to see them change.
 *
 *     configured      nodePrefixes: the addresses of pods and of the node itself come from these
 *     behind pods     what pods may send from as routers: they come and go with their pods
 *     current         both: in the kernel of this node
 *     announced       those of them that other nodes are told of
 *
 *     (nothing) ──prepare──> current ──announce──> announced ──withdraw──> current ──remove──> (nothing)
 */
import { comparePrefixes, type Prefix } from '../../wire/prefix.ts';

/** A prefix that lies behind a pod. */
export interface PrefixBehindPod {
  readonly pod: string;
  readonly prefix: Prefix;
}

export class OwnPrefixes {
  /** Of the configuration. */
  readonly configured: readonly Prefix[];
  readonly #behind = new Map<string, readonly Prefix[]>();
  /** Pods behind which lies what is announced. */
  readonly #announced = new Set<string>();
  readonly #followers: ((current: readonly Prefix[]) => Promise<void>)[] = [];
  readonly #announcers: ((announced: readonly Prefix[]) => void)[] = [];

  constructor(configured: readonly Prefix[]) {
    this.configured = configured;
  }

  /** All of them, those of the configuration first. */
  current(): readonly Prefix[] {
    return [...this.configured, ...[...this.#behind.values()].flat()];
  }

  /** Those that other nodes are told of, those of the configuration first. */
  announced(): readonly Prefix[] {
    const behind = [...this.#behind].flatMap(([pod, prefixes]) => (this.#announced.has(pod) ? prefixes : []));
    return [...this.configured, ...behind];
  }

  /** Those that lie behind pods. */
  behindPods(): readonly PrefixBehindPod[] {
    return [...this.#behind].flatMap(([pod, prefixes]) => prefixes.map((prefix) => ({ pod, prefix })));
  }

  /** Has these lie behind a pod, in place of what did. Resolves when the kernel is as it should be. */
  async prepare(pod: string, prefixes: readonly Prefix[]): Promise<void> {
    if (areEqual(this.#behind.get(pod) ?? [], prefixes)) return;
    if (prefixes.length === 0) this.#behind.delete(pod);
    else this.#behind.set(pod, prefixes);
    for (const follow of this.#followers) await follow(this.current());
  }

  /** Has other nodes told of what lies behind a pod. Throws what a listener throws: then they are not told, if it refused them. */
  announce(pod: string): void {
    if (!this.#behind.has(pod) || this.#announced.has(pod)) return;
    this.#announced.add(pod);
    for (const announce of this.#announcers) announce(this.announced());
  }

  /** Takes back what {@link announce} did. */
  withdraw(pod: string): void {
    if (!this.#announced.delete(pod)) return;
    for (const announce of this.#announcers) announce(this.announced());
  }

  /** Has nothing lie behind a pod any more. Resolves when the kernel is as it should be. */
  async remove(pod: string): Promise<void> {
    this.withdraw(pod);
    await this.prepare(pod, []);
  }

  /** Has `follow` called with the current ones whenever they change, after those who were there before, and waited for. */
  onChange(follow: (current: readonly Prefix[]) => Promise<void>): void {
    this.#followers.push(follow);
  }

  /** Has `announce` called with those that are announced, now and whenever they change. */
  onAnnouncement(announce: (announced: readonly Prefix[]) => void): void {
    this.#announcers.push(announce);
    announce(this.announced());
  }
}

function areEqual(a: readonly Prefix[], b: readonly Prefix[]): boolean {
  return a.length === b.length && a.every((prefix, index) => comparePrefixes(prefix, b[index]!) === 0);
}
