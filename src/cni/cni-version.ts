/** Versions of the specification that the plugin speaks. */
import { CniCode, CniError } from './cni-error.ts';

export const supportedVersions = ['0.3.0', '0.3.1', '0.4.0', '1.0.0', '1.1.0'] as const;

export type CniVersion = (typeof supportedVersions)[number];

/** The newest. */
export const CURRENT_VERSION: CniVersion = '1.1.0';

/** Whoever names no version means the first one, in which none was named. */
const UNNAMED_VERSION = '0.1.0';

/** @throws CniError 1 unless the plugin speaks it */
export function parseVersion(text: unknown): CniVersion {
  const version = text === undefined || text === '' ? UNNAMED_VERSION : text;
  const found = supportedVersions.find((one) => one === version);
  if (found !== undefined) return found;
  const said = typeof version === 'string' ? version : JSON.stringify(version);
  throw new CniError(
    CniCode.incompatibleVersion,
    `cniVersion ${said} is not supported: use one of ${supportedVersions.join(', ')}`,
  );
}

/** Whether `version` is `other` or newer. */
export function isAtLeast(version: CniVersion, other: CniVersion): boolean {
  return supportedVersions.indexOf(version) >= supportedVersions.indexOf(other);
}

/** The answer to VERSION, which says the version that it was asked in. */
export function versionDocument(asked: unknown): object {
  return { cniVersion: typeof asked === 'string' && asked !== '' ? asked : CURRENT_VERSION, supportedVersions };
}
