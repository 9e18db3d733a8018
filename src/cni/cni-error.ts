/** An error as the specification has a plugin write it (CNI 1.1, "Error"). */

/** Codes of the specification, and from 100 on those of weft. `docs/cni.md` explains each. */
export const CniCode = {
  incompatibleVersion: 1,
  unsupportedField: 2,
  invalidEnvironment: 4,
  ioFailure: 5,
  undecodable: 6,
  invalidConfig: 7,
  tryAgainLater: 11,
  notAvailable: 50,
  notAvailableLimited: 51,
  /** The daemon refused it. */
  refused: 100,
  /** CHECK found a difference. */
  different: 101,
} as const;

/** What a plugin ends with. */
export class CniError extends Error {
  readonly code: number;
  readonly details: string;

  /** @param details a longer text, where there is one. */
  constructor(code: number, message: string, details = '') {
    super(message);
    this.name = 'CniError';
    this.code = code;
    this.details = details;
  }
}

/** The document that says it. */
export function errorDocument(error: unknown, cniVersion: string): object {
  const { code, details } = error instanceof CniError ? error : { code: CniCode.refused, details: '' };
  const msg = error instanceof Error ? error.message : String(error);
  return { cniVersion, code, msg, ...(details !== '' && { details }) };
}
