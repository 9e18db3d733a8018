/** Part of several answers of the control API. Types only. */

/** A node that did not say what was asked. */
export interface SilentNode {
  readonly node: string;
  readonly code: string;
  readonly message: string;
}
