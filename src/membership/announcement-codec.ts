/** Announcements <-> bytes, and the one door that checks them. */
import { WeftError } from '../errors.ts';
import { formatEndpoint, type Endpoint, type IpAddress } from '../wire/address.ts';
import { prefixContains, type Prefix } from '../wire/prefix.ts';
import type { Announcement, PathReport, PodSummary } from './announcement.ts';
import { checkFieldLimits, type FieldLimits } from './field-limits.ts';
import { weft } from './generated/weft.js';
import { hashBytes } from './hash.ts';
import { bytesToHex, hexToBytes, isIdentity } from './identity.ts';
import {
  IDENTITY_BYTES,
  KEY_ID_BYTES,
  MAX_ANNOUNCEMENT_BYTES,
  MAX_CAPABILITIES,
  MAX_DATA_ENDPOINTS,
  MAX_KEY_IDS,
  MAX_LINK_PREFIXES,
  MAX_MTU_BYTES,
  MAX_NAME_BYTES,
  MAX_NODE_ADDRESSES,
  MAX_PATH_REPORTS,
  MAX_POD_VERSION,
  MAX_PODS,
  MAX_PREFIXES,
  MAX_WORD_BYTES,
  MIN_MTU_BYTES,
  POD_DIGEST_BYTES,
  POD_VERSION_BYTES,
} from './limits.ts';
import type { SealedAnnouncement } from './message.ts';
import { podVersionFromBytes, podVersionToBytes } from './pod-version.ts';
import { MAX_PORT } from '../wire/udp.ts';

const endpointLimits: FieldLimits = { 1: { maxCount: 1, maxBytes: 16 }, 2: { maxCount: 1, maxBytes: 0 } };
const prefixLimits: FieldLimits = { 1: { maxCount: 1, maxBytes: 16 }, 2: { maxCount: 1, maxBytes: 0 } };
const dataEndpointLimits: FieldLimits = {
  1: { maxCount: 1, maxBytes: MAX_WORD_BYTES },
  2: { maxCount: 1, maxBytes: 64, fields: endpointLimits },
};
const pathReportLimits: FieldLimits = {
  1: { maxCount: 1, maxBytes: IDENTITY_BYTES },
  2: { maxCount: 1, maxBytes: 0 },
  3: { maxCount: 1, maxBytes: 0 },
};
const podSummaryLimits: FieldLimits = {
  1: { maxCount: 1, maxBytes: POD_VERSION_BYTES },
  2: { maxCount: 1, maxBytes: POD_DIGEST_BYTES },
  3: { maxCount: 1, maxBytes: 0 },
};
const announcementLimits: FieldLimits = {
  1: { maxCount: 1, maxBytes: MAX_NAME_BYTES },
  2: { maxCount: 1, maxBytes: 64, fields: endpointLimits },
  3: { maxCount: MAX_DATA_ENDPOINTS, maxBytes: 256, fields: dataEndpointLimits },
  4: { maxCount: 1, maxBytes: 6 },
  5: { maxCount: MAX_NODE_ADDRESSES, maxBytes: 16 },
  6: { maxCount: MAX_PREFIXES, maxBytes: 64, fields: prefixLimits },
  7: { maxCount: 1, maxBytes: 0 },
  8: { maxCount: 1, maxBytes: MAX_WORD_BYTES },
  9: { maxCount: MAX_CAPABILITIES, maxBytes: MAX_WORD_BYTES },
  10: { maxCount: 1, maxBytes: MAX_WORD_BYTES },
  11: { maxCount: MAX_KEY_IDS, maxBytes: KEY_ID_BYTES },
  12: { maxCount: MAX_PATH_REPORTS, maxBytes: 64, fields: pathReportLimits },
  13: { maxCount: 1, maxBytes: 64, fields: podSummaryLimits },
  14: { maxCount: MAX_LINK_PREFIXES, maxBytes: 64, fields: prefixLimits },
};

/**
 * Encodes what this node says of itself.
 *
 * @throws WeftError `announcement-invalid`, naming the field, if others would refuse it.
 */
export function sealAnnouncement(announcement: Announcement): SealedAnnouncement {
  const field = invalidField(announcement);
  if (field !== undefined) {
    throw new WeftError(
      'announcement-invalid',
      `${field} of this node cannot be announced: it is missing or out of range`,
      {
        field,
      },
    );
  }
  const bytes = encodeAnnouncement(announcement);
  if (bytes.length > MAX_ANNOUNCEMENT_BYTES) throw tooLong(bytes.length, 'takes');
  return seal(announcement, Uint8Array.from(bytes));
}

/**
 * Makes sure that a node which uses keys can still announce itself when it holds as many as there may be, and any that tells of its
 * pods when it has as many. Path reports are left out of it: they give way.
 *
 * @throws WeftError `announcement-invalid`
 */
export function checkRoomForKeys(announcement: Announcement): void {
  const { keyIds, podSummary } = announcement;
  const most = {
    ...announcement,
    ...(keyIds.length > 0 && { keyIds: MOST_KEY_IDS }),
    ...(podSummary !== undefined && { podSummary: { ...podSummary, pods: MAX_PODS } }),
    pathReports: [],
  };
  const { length } = encodeAnnouncement(most);
  if (length <= MAX_ANNOUNCEMENT_BYTES) return;
  throw tooLong(length, keyIds.length > 0 ? `with the ${MAX_KEY_IDS} keys that it may come to hold takes` : 'takes');
}

/** Whether this could be announced, also with as many keys as there may be. Path reports are left out of it: they give way. */
export function canBeAnnounced(announcement: Announcement): boolean {
  try {
    checkRoomForKeys(announcement);
    sealAnnouncement({ ...announcement, pathReports: [] });
    return true;
  } catch (error) {
    if (error instanceof WeftError && error.code === 'announcement-invalid') return false;
    throw error;
  }
}

const MOST_KEY_IDS = Array.from({ length: MAX_KEY_IDS }, () => '0'.repeat(2 * KEY_ID_BYTES));

function tooLong(lengthBytes: number, takes: string): WeftError {
  const message = `announcement of this node ${takes} ${lengthBytes} bytes, more than ${MAX_ANNOUNCEMENT_BYTES}: announce fewer prefixes (nodePrefixes)`;
  return new WeftError('announcement-invalid', message, { lengthBytes, limitBytes: MAX_ANNOUNCEMENT_BYTES });
}

function encodeAnnouncement(announcement: Announcement): Uint8Array {
  return weft.v1.Announcement.encode({
    name: announcement.name,
    gossipEndpoint: encodeEndpoint(announcement.gossipEndpoint),
    dataEndpoints: announcement.dataEndpoints.map(({ gear, endpoint }) => ({
      gear,
      endpoint: encodeEndpoint(endpoint),
    })),
    mac: announcement.mac,
    nodeAddresses: announcement.nodeAddresses.map((address) => address.bytes),
    prefixes: announcement.prefixes.map(encodePrefix),
    mtuBytes: announcement.mtuBytes,
    version: announcement.version,
    capabilities: [...announcement.capabilities],
    network: announcement.network,
    keyIds: announcement.keyIds.map(hexToBytes),
    pathReports: announcement.pathReports.map(({ identity, lossPermille, roundTripUs }) => ({
      identity: hexToBytes(identity),
      lossPermille,
      roundTripUs,
    })),
    ...(announcement.podSummary !== undefined && { podSummary: encodePodSummary(announcement.podSummary) }),
    ...(announcement.linkPrefixes !== undefined && { linkPrefixes: announcement.linkPrefixes.map(encodePrefix) }),
  }).finish();
}

/** The announcement in `bytes`, with a copy of them, or why it is refused. */
export function parseAnnouncement(
  identity: string,
  bytes: Uint8Array,
): SealedAnnouncement | 'malformed' | 'limit-exceeded' | 'announcement-invalid' {
  if (bytes.length > MAX_ANNOUNCEMENT_BYTES) return 'limit-exceeded';
  const outcome = checkFieldLimits(bytes, 0, bytes.length, announcementLimits);
  if (outcome !== 'ok') return outcome;
  // What is kept must not hold on to the datagram or exchange that it came in.
  const own = Uint8Array.from(bytes);
  let raw: weft.v1.Announcement;
  try {
    raw = weft.v1.Announcement.decode(own);
  } catch {
    return 'malformed';
  }
  const gossipEndpoint = decodeEndpoint(raw.gossipEndpoint);
  if (gossipEndpoint === undefined) return 'announcement-invalid';
  const announcement: Announcement = {
    identity,
    name: raw.name,
    network: raw.network,
    gossipEndpoint,
    dataEndpoints: raw.dataEndpoints.map(({ gear, endpoint }) => ({
      gear: gear ?? '',
      endpoint: decodeEndpoint(endpoint) ?? nowhere,
    })),
    mac: raw.mac,
    nodeAddresses: raw.nodeAddresses.map(decodeAddress),
    prefixes: raw.prefixes.map(decodePrefix),
    mtuBytes: raw.mtuBytes,
    version: raw.version,
    capabilities: raw.capabilities,
    keyIds: raw.keyIds.map(bytesToHex),
    pathReports: raw.pathReports.map(({ identity, lossPermille, roundTripUs }) => ({
      identity: bytesToHex(identity ?? nothing),
      lossPermille: lossPermille ?? 0,
      roundTripUs: roundTripUs ?? 0,
    })),
    ...(raw.podSummary && { podSummary: decodePodSummary(raw.podSummary) }),
    ...(raw.linkPrefixes.length > 0 && { linkPrefixes: raw.linkPrefixes.map(decodePrefix) }),
  };
  return invalidField(announcement) === undefined ? seal(announcement, own) : 'announcement-invalid';
}

function seal(announcement: Announcement, bytes: Uint8Array): SealedAnnouncement {
  const endpointKey = formatEndpoint(announcement.gossipEndpoint);
  return { announcement, bytes, fingerprint: hashBytes(bytes), endpointKey };
}

const nothing = new Uint8Array(0);
const nowhere: Endpoint = { address: { family: 4, bytes: nothing }, port: 0 };

function encodeEndpoint(endpoint: Endpoint): { address: Uint8Array; port: number } {
  return { address: endpoint.address.bytes, port: endpoint.port };
}

function decodeEndpoint(raw: weft.v1.Endpoint.$Properties | null | undefined): Endpoint | undefined {
  if (raw === null || raw === undefined) return undefined;
  return { address: decodeAddress(raw.address ?? nothing), port: raw.port ?? 0 };
}

function encodePrefix({ address, lengthBits }: Prefix): weft.v1.Prefix.$Properties {
  return { address: address.bytes, lengthBits };
}

function decodePrefix({ address, lengthBits }: weft.v1.Prefix.$Properties): Prefix {
  return { address: decodeAddress(address ?? nothing), lengthBits: lengthBits ?? 0 };
}

function encodePodSummary({ version, digest, pods }: PodSummary): weft.v1.PodSummary.$Properties {
  return { version: podVersionToBytes(version), digest: hexToBytes(digest), pods };
}

/** What is no version is found by {@link isPodSummary}. */
function decodePodSummary({ version, digest, pods }: weft.v1.PodSummary.$Properties): PodSummary {
  return {
    version: podVersionFromBytes(version ?? nothing) ?? 0,
    digest: bytesToHex(digest ?? nothing),
    pods: pods ?? 0,
  };
}

/** The length decides the family; a length that fits none is found by {@link isAddress}. */
function decodeAddress(bytes: Uint8Array): IpAddress {
  return { family: bytes.length === 16 ? 6 : 4, bytes };
}

/** Name of the first field that is missing or out of range. */
function invalidField(announcement: Announcement): keyof Announcement | undefined {
  const { dataEndpoints, nodeAddresses, prefixes, capabilities, mtuBytes, keyIds, pathReports } = announcement;
  const { linkPrefixes = [] } = announcement;
  if (!isIdentity(announcement.identity)) return 'identity';
  if (!isWord(announcement.name, MAX_NAME_BYTES)) return 'name';
  if (!isWord(announcement.network, MAX_WORD_BYTES)) return 'network';
  if (!isUnicastEndpoint(announcement.gossipEndpoint)) return 'gossipEndpoint';
  const dataEndpointsAreValid = dataEndpoints.every(
    ({ gear, endpoint }) => isWord(gear, MAX_WORD_BYTES) && isUnicastEndpoint(endpoint),
  );
  if (dataEndpoints.length > MAX_DATA_ENDPOINTS || !dataEndpointsAreValid) return 'dataEndpoints';
  if (!isUnicastMac(announcement.mac)) return 'mac';
  if (prefixes.length > MAX_PREFIXES || !prefixes.every(isPrefix)) return 'prefixes';
  const lieInPrefixes = nodeAddresses.every(
    (address) => isAddress(address) && prefixes.some((prefix) => prefixContains(prefix, address)),
  );
  if (nodeAddresses.length > MAX_NODE_ADDRESSES || !lieInPrefixes) return 'nodeAddresses';
  if (!(Number.isInteger(mtuBytes) && mtuBytes >= MIN_MTU_BYTES && mtuBytes <= MAX_MTU_BYTES)) return 'mtuBytes';
  if (!isWord(announcement.version, MAX_WORD_BYTES)) return 'version';
  if (capabilities.length > MAX_CAPABILITIES || !capabilities.every((name) => isWord(name, MAX_WORD_BYTES)))
    return 'capabilities';
  if (keyIds.length > MAX_KEY_IDS || !keyIds.every((id) => keyIdPattern.test(id))) return 'keyIds';
  if (pathReports.length > MAX_PATH_REPORTS || !pathReports.every(isPathReport)) return 'pathReports';
  if (announcement.podSummary !== undefined && !isPodSummary(announcement.podSummary)) return 'podSummary';
  if (linkPrefixes.length > MAX_LINK_PREFIXES || !linkPrefixes.every(isPrefix)) return 'linkPrefixes';
  return undefined;
}

const keyIdPattern = /^[0-9a-f]{16}$/;

function isPathReport({ identity, lossPermille, roundTripUs }: PathReport): boolean {
  const lossIsInRange = Number.isInteger(lossPermille) && lossPermille >= 0 && lossPermille <= 1_000;
  return isIdentity(identity) && lossIsInRange && Number.isInteger(roundTripUs) && roundTripUs >= 0;
}

const digestPattern = /^[0-9a-f]{16}$/;

function isPodSummary({ version, digest, pods }: PodSummary): boolean {
  const versionIsInRange = Number.isInteger(version) && version >= 1 && version <= MAX_POD_VERSION;
  return versionIsInRange && digestPattern.test(digest) && Number.isInteger(pods) && pods >= 0 && pods <= MAX_PODS;
}

const printableAscii = /^[\u0021-\u007e]+$/;

/** Names end up in terminals, logs and metrics: no spaces, no control characters, no look-alikes. */
function isWord(text: string, maxBytes: number): boolean {
  return text.length <= maxBytes && printableAscii.test(text);
}

function isAddress({ family, bytes }: IpAddress): boolean {
  return bytes.length === (family === 4 ? 4 : 16);
}

/** Somewhere a datagram may be sent to: not unspecified, multicast or broadcast. */
function isUnicastEndpoint({ address, port }: Endpoint): boolean {
  if (!(Number.isInteger(port) && port >= 1 && port <= MAX_PORT && isAddress(address))) return false;
  const first = address.bytes[0]!;
  if (address.family === 4) return first !== 0 && first < 224;
  return first !== 0xff && address.bytes.some((octet) => octet !== 0);
}

function isUnicastMac(mac: Uint8Array): boolean {
  return mac.length === 6 && (mac[0]! & 1) === 0 && mac.some((octet) => octet !== 0);
}

function isPrefix({ address, lengthBits }: Prefix): boolean {
  if (!isAddress(address) || !Number.isInteger(lengthBits) || lengthBits < 0) return false;
  if (lengthBits > address.bytes.length * 8) return false;
  return address.bytes.every((octet, index) => {
    const keptBits = Math.min(Math.max(lengthBits - index * 8, 0), 8);
    return (octet & (0xff >> keptBits)) === 0;
  });
}
