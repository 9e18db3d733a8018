/**
 * What weft says about a packet, in the comment of a pcapng block: keys and values in a fixed order, for people and programs.
 *
 *     weft verdict=drop reason=no-route route=10.244.3.0/24 origin=n3 version=17 peer=n3
 *
 * Keys are API: they may be added, never renamed. What is not known is not there. Values have no spaces; where a name has one, or
 * a percent sign, it is percent-encoded.
 */
import { Hook } from '../dataplane/hook.ts';

/** Keys in their order. */
export const commentKeys = [
  'verdict',
  'reason',
  'direction',
  'policy',
  'rule',
  'route',
  'origin',
  'version',
  'peer',
  'relay',
  'segment',
  'checksum',
  'rco',
  'ambiguous',
  'clock-offset-ns',
  'uncertainty-ns',
  'corrected',
] as const;

/**
 * `direction`, `policy`, `rule`: what a network policy denies: `ingress` or `egress` of the pod that it selects; its title, of several that
 * isolate joined by `+`; the rule in it, where one decides; without a policy `cut`, `held` or `unknown`. `route`, `origin`, `version`: the prefix that decided, the node that announced it, and which announcement. `relay`: the node that
 * the way to the peer leads through. `segment`: `2/47`, of a super-packet. `checksum`: `completed` if the packet passed with a
 * partial one, `unverified` if it stays so because it was cut. `rco`: `undone` if the datagram said so (Remote Checksum Offload)
 * and the bytes here do not. `ambiguous`: `yes` if another packet near it has the same id. `clock-offset-ns`, `uncertainty-ns`,
 * `corrected`: of an interface, not of a packet: how much the node's clock was ahead, and whether time stamps were corrected by it.
 */
export type CommentKey = (typeof commentKeys)[number];

export type Comment = Readonly<Partial<Record<CommentKey, string>>>;

/** First word of every comment. */
const MARK = 'weft';

/** What `verdict` says at each hook. */
const verdicts: Readonly<Record<Hook, string>> = {
  [Hook.fromPod]: 'pass',
  [Hook.route]: 'forward',
  [Hook.encapsulate]: 'pass',
  [Hook.toUnderlay]: 'sent',
  [Hook.fromUnderlay]: 'pass',
  [Hook.decapsulate]: 'pass',
  [Hook.relay]: 'relayed',
  [Hook.toPod]: 'delivered',
  [Hook.drop]: 'drop',
  [Hook.audit]: 'would-drop',
};

/** The verdict about a packet that was seen at `hook`: `pass`, `forward`, `sent`, `relayed`, `delivered`, `drop`, `would-drop`. */
export function verdictAt(hook: Hook): string {
  return verdicts[hook];
}

/** The comment in one line. */
export function formatComment(comment: Comment): string {
  let text = MARK;
  for (const key of commentKeys) {
    const value = comment[key];
    if (value !== undefined) text += ` ${key}=${needsEscape.test(value) ? escaped(value) : value}`;
  }
  return text;
}

/** The comment in `text`, `undefined` if it is none of weft's. Keys that are not known here are left out. */
export function parseComment(text: string): Comment | undefined {
  const [mark, ...words] = text.split(' ');
  if (mark !== MARK) return undefined;
  const comment: Partial<Record<CommentKey, string>> = {};
  for (const word of words) {
    const at = word.indexOf('=');
    const key = commentKeys.find((known) => known === word.slice(0, at));
    if (key !== undefined) comment[key] = unescaped(word.slice(at + 1));
  }
  return comment;
}

// Everything that is not a visible character, the percent sign, and the comma, which tshark puts between comments.
const needsEscape = /[^!-~]|[%,]/;

function escaped(value: string): string {
  return value.replaceAll(/[^!-~]|[%,]/gu, (character) =>
    character === ',' ? '%2C' : encodeURIComponent(character.isWellFormed() ? character : '\ufffd'),
  );
}

function unescaped(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}
