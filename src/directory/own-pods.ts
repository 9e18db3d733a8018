/** The pods of this node: which others are told of, in which version, and how they changed of late. */
import type { Clock } from '../env/clock.ts';
import { ConflictError, ExhaustedError } from '../errors.ts';
import { MAX_POD_CHANGE_BYTES, MAX_POD_VERSION, MAX_PODS } from '../membership/limits.ts';
import type { PodSummary } from '../membership/announcement.ts';
import { bytesToHex } from '../membership/identity.ts';
import type { DirectoryPod } from './directory-pod.ts';
import { MAX_NODE_PODS_BYTES } from './limits.ts';
import { encodeChange, encodeOffer } from './message-codec.ts';
import { encodePod, problemOfPod } from './pod-codec.ts';
import { podTitle } from './pod-name.ts';
import { hashPod, PodSet } from './pod-set.ts';

/**
 * A change is told since a version of at most this age, in ms: whoever missed some that lie between takes all of them at once.
 * What is older everybody holds, or asks for.
 */
const HISTORY_MS = 10_000;

/** Versions that are kept for it. */
const MAX_HISTORY = 8;

/** What comes before each pod or hash in a change, at least: tag and length. */
const FIELD_BYTES = 2;

interface PastVersion {
  readonly version: number;
  readonly set: PodSet;
  /** When the next one took its place. */
  readonly untilMs: number;
}

export class OwnPods {
  readonly #identity: string;
  readonly #clock: Clock;
  #set: PodSet;
  #version: number;
  #history: readonly PastVersion[] = [];

  /**
   * @param firstVersion above those of earlier lives, as far as that is known: others say if it is not.
   * @throws as {@link setOf}
   */
  constructor(identity: string, clock: Clock, firstVersion: number, pods: readonly DirectoryPod[]) {
    this.#identity = identity;
    this.#clock = clock;
    this.#version = Math.min(Math.max(1, firstVersion), MAX_POD_VERSION);
    this.#set = setOf(pods);
  }

  get set(): PodSet {
    return this.#set;
  }

  get summary(): PodSummary {
    return { version: this.#version, digest: this.#set.digest, pods: this.#set.size };
  }

  /** Has these from now on, under a new version; whether anything changed. */
  replace(set: PodSet): boolean {
    if (set.digest === this.#set.digest && set.size === this.#set.size) return false;
    const nowMs = this.#clock.nowMs();
    this.#history = [
      { version: this.#version, set: this.#set, untilMs: nowMs },
      ...this.#history.filter(({ untilMs }) => nowMs - untilMs < HISTORY_MS).slice(0, MAX_HISTORY - 1),
    ];
    this.#set = set;
    this.#version = Math.min(this.#version + 1, MAX_POD_VERSION);
    return true;
  }

  /**
   * Others know a version that this life did not give out: it is left behind, so that what they hear from now on is newer. Whether it
   * could be.
   */
  outbid({ version, digest }: Pick<PodSummary, 'version' | 'digest'>): boolean {
    const isOurs = version === this.#version && digest === this.#set.digest;
    if (version < this.#version || isOurs || version >= MAX_POD_VERSION) return false;
    this.#version = version + 1;
    // Nobody holds what this life gave out under lower numbers; and a change since one of them would not be taken.
    this.#history = [];
    return true;
  }

  /**
   * How they have changed since the earliest version for which that fits a datagram; if it fits for none, that they have. It names what any
   * version from then on has that is gone, and what any lacks: so it leads from each of them to this one.
   */
  change(): Uint8Array {
    const removed = new Map<string, Uint8Array>();
    const added = new Map<string, Uint8Array>();
    let change = encodeOffer(this.#identity, this.summary);
    let lengthBytes = 0;
    const note = (pods: Map<string, Uint8Array>, hash: Uint8Array, bytes: Uint8Array): void => {
      const key = bytesToHex(hash);
      if (!pods.has(key)) lengthBytes += bytes.length + FIELD_BYTES;
      pods.set(key, bytes);
    };
    for (const { version: base, set } of this.#history) {
      const since = this.#set.since(set);
      for (const hash of since.removed) note(removed, hash, hash);
      for (const pod of since.added) note(added, hashPod(pod), pod);
      if (lengthBytes > MAX_POD_CHANGE_BYTES || base >= this.#version) break;
      const pods = { removed: [...removed.values()], added: [...added.values()] };
      const bytes = encodeChange({ identity: this.#identity, base, ...this.summary, ...pods });
      if (bytes.length > MAX_POD_CHANGE_BYTES) break;
      change = bytes;
    }
    return change;
  }
}

/**
 * The set of these pods, if others would take it.
 *
 * @throws ConflictError `pod-not-announced`, naming the pod and what is wrong with it
 * @throws ExhaustedError `pods-full`
 */
export function setOf(pods: readonly DirectoryPod[]): PodSet {
  if (pods.length > MAX_PODS) {
    throw new ExhaustedError('pods-full', `a node has at most ${MAX_PODS} pods, and this would be ${pods.length}`, {
      limit: MAX_PODS,
    });
  }
  const names = new Set<string>();
  const encoded = pods.map((pod) => {
    const title = podTitle(pod.namespace, pod.name);
    const isTaken = !pod.isSuperseded && names.has(title);
    const problem = isTaken ? 'another pod of this node has its name' : problemOfPod(pod);
    if (problem !== undefined) {
      throw new ConflictError('pod-not-announced', `pod ${title}: other nodes cannot be told of it: ${problem}`, {
        pod: title,
      });
    }
    if (!pod.isSuperseded) names.add(title);
    return encodePod(pod);
  });
  const set = PodSet.of(encoded);
  if (set.lengthBytes > MAX_NODE_PODS_BYTES) {
    const message = `names, addresses and labels of all pods of this node take ${set.lengthBytes} bytes, more than ${MAX_NODE_PODS_BYTES}: give them fewer labels`;
    throw new ExhaustedError('pods-full', message, { limitBytes: MAX_NODE_PODS_BYTES });
  }
  return set;
}
