/** Messages of the pod directory as values. `message-codec.ts` turns them into bytes and back. */

/** Pods of a node, as it was at some time. */
export interface PodVersion {
  readonly version: number;
  /** 16 hexadecimal digits. */
  readonly digest: string;
}

/**
 * How the pods of a node have changed since `base`. Whoever says it holds `version`: that is all that it says if `base` is `version`, as where
 * there is no room for what changed.
 */
export interface PodChange extends PodVersion {
  readonly identity: string;
  readonly base: number;
  /** Hashes of pods. */
  readonly removed: readonly Uint8Array[];
  /** Encoded pods. */
  readonly added: readonly Uint8Array[];
}

/** Asks for the pods of one node. */
export interface PodWant extends PodVersion {
  readonly identity: string;
  /** How many the asker has already. */
  readonly from: number;
}

/** Some of the pods of one node. */
export interface PodPart extends PodVersion {
  readonly identity: string;
  readonly count: number;
  /** Which is the first here. */
  readonly from: number;
  /** Encoded, in order. */
  readonly pods: readonly Uint8Array[];
}

export interface PodAnswerMessage {
  readonly parts: readonly PodPart[];
  /** Identities of nodes whose pods the other does not hold. */
  readonly lacking: readonly string[];
}
