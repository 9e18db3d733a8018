/** Error numbers of system calls, by name. */
import { constants } from 'node:os';
import { SystemCallError } from '../errors.ts';
import { lastErrno } from './ffi.ts';

/** Linux error numbers that Node's own table lacks, and that a dataplane can meet. */
const missingInNode: Readonly<Record<string, number>> = { EBADFD: 77, ESHUTDOWN: 108, EHOSTDOWN: 112 };

const names = new Map<number, string>();
for (const [name, number] of [...Object.entries(constants.errno), ...Object.entries(missingInNode)]) {
  // Two names can share a number: EAGAIN comes before EWOULDBLOCK, and is the one that everybody knows.
  if (!names.has(number)) names.set(number, name);
}

/** Name of an error number: `EADDRINUSE` for 98. An unknown one is `errno 4711`. */
export function errnoName(number: number): string {
  return names.get(number) ?? `errno ${number}`;
}

/** Name of the error of this thread's last failed call. */
export function lastErrnoName(): string {
  return errnoName(lastErrno());
}

/**
 * `result` of a system call, unless that is -1.
 *
 * @param purpose completes "cannot …".
 * @throws SystemCallError with the error's name.
 */
export function checked(result: number, call: string, purpose: string): number {
  if (result === -1) throw new SystemCallError(call, lastErrnoName(), purpose);
  return result;
}
