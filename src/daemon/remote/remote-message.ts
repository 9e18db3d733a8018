/** What nodes say when they ask each other: JSON, with as many keys as are of use. */
import { WeftError } from '../../errors.ts';

/** Longest question, in bytes: a compiled filter of packets is the longest there is. */
export const MAX_QUESTION_BYTES: number = 256 * 1024;

/** Longest answer, in bytes. To make or read one keeps a node from its gossip for as long as that takes. */
export const MAX_ANSWER_BYTES: number = 8 * 1024 * 1024;

/** What codes of errors look like. */
const ERROR_CODE = /^[a-z][a-z0-9-]{0,63}$/;

/** What a node asks. */
export interface RemoteQuestion {
  readonly question: string;
  readonly body: unknown;
  /** Whether another question follows the answer. */
  readonly more: boolean;
}

/** What is said to it. After a `head` come chunks, and then a last reply: an error, or nothing. */
export interface RemoteReply {
  readonly answer?: unknown;
  readonly head?: unknown;
  readonly error?: RemoteError;
}

/** A {@link WeftError} on its way. */
export interface RemoteError {
  readonly code: string;
  readonly message: string;
  readonly details: Readonly<Record<string, unknown>>;
}

/** The question that was said, `undefined` if it was none. */
export function parseQuestion(said: unknown): RemoteQuestion | undefined {
  const { question, body, more } = recordOf(said);
  return typeof question === 'string' ? { question, body, more: more === true } : undefined;
}

/** The reply that was said. @throws WeftError what the other node refused it with */
export function parseReply(said: unknown): RemoteReply {
  const { answer, head, error } = recordOf(said);
  if (error === undefined) return { answer, head };
  const { code, message, details } = recordOf(error);
  throw new WeftError(
    typeof code === 'string' && ERROR_CODE.test(code) ? code : 'internal',
    typeof message === 'string' ? message : 'no reason was given',
    recordOf(details),
  );
}

function recordOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
}
