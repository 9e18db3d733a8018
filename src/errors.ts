/**
 * Errors that weft raises on purpose. `code` is API: stable, documented in `docs/errors.md`, asserted in tests.
 *
 * A packet never throws; a caller's nonsense is a `RangeError` or `TypeError`. What is left is here: input from outside,
 * resources, and system calls. Only the `main.ts` files turn these into exit codes.
 */

/** Anything that weft reports to a person or a program by a stable code. */
export class WeftError extends Error {
  /** Stable, machine-readable: `config-invalid`, `pool-exhausted`. */
  readonly code: string;
  /** What a program would want to know beyond the message. JSON-safe. */
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: string, message: string, details: Readonly<Record<string, unknown>> = {}, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = new.target.name;
    this.code = code;
    this.details = details;
  }
}

/** Input from a person or a file is wrong. `path` names the key: `network.clusterPrefixes[0]`. */
export class ConfigError extends WeftError {
  constructor(path: string, problem: string, details: Readonly<Record<string, unknown>> = {}) {
    super('config-invalid', path === '' ? problem : `${path}: ${problem}`, { path, ...details });
  }
}

/** The request contradicts what is already there: a name in use, an address leased to someone else. */
export class ConflictError extends WeftError {}

/** Nothing of that name. */
export class NotFoundError extends WeftError {}

/** Something finite ran out. */
export class ExhaustedError extends WeftError {}

/** The machine lacks what weft needs: a privilege, a device, a kernel feature, a program. The message says how to get it. */
export class RequirementError extends WeftError {}

/** A system call failed. */
export class SystemCallError extends WeftError {
  /** Name of the errno: `EADDRINUSE`. */
  readonly errnoName: string;

  /** @param purpose what the call was for, completing "cannot …": `bind the VXLAN port 4789`. */
  constructor(call: string, errnoName: string, purpose: string, details: Readonly<Record<string, unknown>> = {}) {
    super('system-call-failed', `cannot ${purpose}: ${call} failed with ${errnoName}`, {
      call,
      errno: errnoName,
      ...details,
    });
    this.errnoName = errnoName;
  }
}

/** A program that weft ran (ip, nft) failed. */
export class CommandError extends WeftError {
  constructor(command: string, exitCode: number | null, stderr: string, purpose: string) {
    super('command-failed', `cannot ${purpose}: ${command} said: ${stderr.trim() || `exit code ${exitCode}`}`, {
      command,
      exitCode,
      stderr,
    });
  }
}
