// Made from src/membership/membership.ts of version 0.1.0 and all that it imports: types and comments stripped, every file
// a function, the generated codec replaced by reflection over membership.proto. Not to be changed: this is what nodes of
// that version do.
/* oxlint-disable */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import protobuf from 'protobufjs';

const schema = protobuf.parse(readFileSync(join(import.meta.dirname, 'membership.proto'), 'utf8')).root;
const weft = {
  v1: Object.fromEntries(
    ['Announcement', 'Claim', 'Datagram', 'Exchange'].map((name) => [name, schema.lookupType('weft.v1.' + name)]),
  ),
};

const moduleErrors = (() => {
  class WeftError extends Error {
    code;
    details;
    constructor(code, message, details = {}, cause) {
      super(
        message,
        cause === undefined
          ? undefined
          : {
              cause,
            },
      );
      this.name = new.target.name;
      this.code = code;
      this.details = details;
    }
  }
  class ConfigError extends WeftError {
    constructor(path, problem, details = {}) {
      super('config-invalid', path === '' ? problem : `${path}: ${problem}`, {
        path,
        ...details,
      });
    }
  }
  class ConflictError extends WeftError {}
  class NotFoundError extends WeftError {}
  class ExhaustedError extends WeftError {}
  class RequirementError extends WeftError {}
  class SystemCallError extends WeftError {
    errnoName;
    constructor(call, errnoName, purpose, details = {}) {
      super('system-call-failed', `cannot ${purpose}: ${call} failed with ${errnoName}`, {
        call,
        errno: errnoName,
        ...details,
      });
      this.errnoName = errnoName;
    }
  }
  class CommandError extends WeftError {
    constructor(command, exitCode, stderr, purpose) {
      super('command-failed', `cannot ${purpose}: ${command} said: ${stderr.trim() || `exit code ${exitCode}`}`, {
        command,
        exitCode,
        stderr,
      });
    }
  }

  return {
    WeftError,
    ConfigError,
    ConflictError,
    NotFoundError,
    ExhaustedError,
    RequirementError,
    SystemCallError,
    CommandError,
  };
})();

const moduleWireOctets = (() => {
  function readU16(bytes, at) {
    return (bytes[at] << 8) | bytes[at + 1];
  }
  function writeU16(bytes, at, value) {
    bytes[at] = value >>> 8;
    bytes[at + 1] = value;
  }
  function readU24(bytes, at) {
    return (bytes[at] << 16) | (bytes[at + 1] << 8) | bytes[at + 2];
  }
  function writeU24(bytes, at, value) {
    bytes[at] = value >>> 16;
    bytes[at + 1] = value >>> 8;
    bytes[at + 2] = value;
  }
  function readU32(bytes, at) {
    return ((bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]) >>> 0;
  }
  function writeU32(bytes, at, value) {
    bytes[at] = value >>> 24;
    bytes[at + 1] = value >>> 16;
    bytes[at + 2] = value >>> 8;
    bytes[at + 3] = value;
  }
  function readU16le(bytes, at) {
    return bytes[at] | (bytes[at + 1] << 8);
  }
  function writeU16le(bytes, at, value) {
    bytes[at] = value;
    bytes[at + 1] = value >>> 8;
  }
  function copyOctets(from, fromAt, to, toAt, lengthBytes) {
    for (let index = 0; index < lengthBytes; index++) to[toAt + index] = from[fromAt + index];
  }
  function equalOctets(left, leftAt, right, rightAt, lengthBytes) {
    for (let index = 0; index < lengthBytes; index++) {
      if (left[leftAt + index] !== right[rightAt + index]) return false;
    }
    return true;
  }

  return { readU16, writeU16, readU24, writeU24, readU32, writeU32, readU16le, writeU16le, copyOctets, equalOctets };
})();

const moduleWireChecksum = (() => {
  const { readU16 } = moduleWireOctets;
  const MAX_SUMMED_BYTES = 131_072;
  const MIN_FAST_BYTES = 48;
  const hostIsLittleEndian = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;
  let viewed;
  let words = new Int32Array(0);
  function onesComplementSum(bytes, at, lengthBytes, initial) {
    if (lengthBytes < MIN_FAST_BYTES) return initial + sumOctets(bytes, at, at + lengthBytes);
    const start = bytes.byteOffset + at;
    const end = start + lengthBytes;
    const firstWord = (start + 3) >>> 2;
    const lastWord = end >>> 2;
    let middle = foldChecksum(sumWords(bytes.buffer, firstWord, lastWord));
    const leading = firstWord * 4 - start;
    const isOdd = (leading & 1) === 1;
    if (hostIsLittleEndian !== isOdd) middle = ((middle & 0xff) << 8) | (middle >>> 8);
    const tailAt = at + leading + (lastWord - firstWord) * 4;
    let sum = initial + middle + sumOctets(bytes, at, at + leading);
    for (let index = tailAt; index < at + lengthBytes; index++) {
      sum += ((index - at) & 1) === 0 ? bytes[index] << 8 : bytes[index];
    }
    return sum;
  }
  function foldChecksum(sum) {
    let folded = sum;
    while (folded > 0xffff) folded = (folded & 0xffff) + (folded >>> 16);
    return folded;
  }
  function finishChecksum(sum) {
    return ~foldChecksum(sum) & 0xffff;
  }
  function pseudoHeaderSum4(bytes, ipAt, protocol, lengthBytes) {
    return (
      readU16(bytes, ipAt + 12) +
      readU16(bytes, ipAt + 14) +
      readU16(bytes, ipAt + 16) +
      readU16(bytes, ipAt + 18) +
      protocol +
      lengthBytes
    );
  }
  function pseudoHeaderSum6(bytes, ipAt, protocol, lengthBytes) {
    let sum = protocol + lengthBytes;
    for (let at = ipAt + 8; at < ipAt + 40; at += 2) sum += readU16(bytes, at);
    return sum;
  }
  function updateChecksum(checksum, before, after) {
    return finishChecksum((~checksum & 0xffff) + (~before & 0xffff) + after);
  }
  function sumOctets(bytes, at, end) {
    let sum = 0;
    let index = at;
    for (; index < end - 1; index += 2) sum += (bytes[index] << 8) | bytes[index + 1];
    return index < end ? sum + (bytes[index] << 8) : sum;
  }
  function sumWords(buffer, first, end) {
    if (buffer !== viewed) {
      words = new Int32Array(buffer, 0, buffer.byteLength >>> 2);
      viewed = buffer;
    }
    const view = words;
    let low = 0;
    let high = 0;
    let index = first;
    for (; index < end - 3; index += 4) {
      const a = view[index];
      const b = view[index + 1];
      const c = view[index + 2];
      const d = view[index + 3];
      low = (low + (a & 0xffff) + (b & 0xffff) + (c & 0xffff) + (d & 0xffff)) | 0;
      high = (high + (a >>> 16) + (b >>> 16) + (c >>> 16) + (d >>> 16)) | 0;
    }
    for (; index < end; index++) {
      const word = view[index];
      low = (low + (word & 0xffff)) | 0;
      high = (high + (word >>> 16)) | 0;
    }
    return low + high;
  }

  return {
    MAX_SUMMED_BYTES,
    onesComplementSum,
    foldChecksum,
    finishChecksum,
    pseudoHeaderSum4,
    pseudoHeaderSum6,
    updateChecksum,
  };
})();

const moduleWireUdp = (() => {
  const { finishChecksum } = moduleWireChecksum;
  const { readU16, writeU16 } = moduleWireOctets;
  const Offset = {
    sourcePort: 0,
    destinationPort: 2,
    length: 4,
    checksum: 6,
  };
  const UDP_HEADER_LENGTH = 8;
  const MAX_PORT = 65_535;
  const UDP_CHECKSUM_OFFSET = Offset.checksum;
  function readUdpSourcePort(bytes, at) {
    return readU16(bytes, at + Offset.sourcePort);
  }
  function readUdpDestinationPort(bytes, at) {
    return readU16(bytes, at + Offset.destinationPort);
  }
  function readUdpLength(bytes, at) {
    return readU16(bytes, at + Offset.length);
  }
  function readUdpChecksum(bytes, at) {
    return readU16(bytes, at + Offset.checksum);
  }
  function writeUdpLength(bytes, at, lengthBytes) {
    writeU16(bytes, at + Offset.length, lengthBytes);
  }
  function writeUdpChecksum(bytes, at, checksum) {
    writeU16(bytes, at + Offset.checksum, checksum);
  }
  function finishUdpChecksum(sum) {
    const checksum = finishChecksum(sum);
    return checksum === 0 ? 0xffff : checksum;
  }
  function encodeUdp(sourcePort, destinationPort, lengthBytes, checksum, bytes, at) {
    writeU16(bytes, at + Offset.sourcePort, sourcePort);
    writeU16(bytes, at + Offset.destinationPort, destinationPort);
    writeU16(bytes, at + Offset.length, lengthBytes);
    writeU16(bytes, at + Offset.checksum, checksum);
  }

  return {
    UDP_HEADER_LENGTH,
    MAX_PORT,
    UDP_CHECKSUM_OFFSET,
    readUdpSourcePort,
    readUdpDestinationPort,
    readUdpLength,
    readUdpChecksum,
    writeUdpLength,
    writeUdpChecksum,
    finishUdpChecksum,
    encodeUdp,
  };
})();

const moduleWireAddress = (() => {
  const { equalOctets, readU16, writeU16 } = moduleWireOctets;
  const { MAX_PORT } = moduleWireUdp;
  const IPV6_GROUPS = 8;
  const MAPPED_PREFIX = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff);
  function parseIpAddress(text) {
    const isIpv6 = text.includes(':');
    const bytes = isIpv6 ? parseIpv6(text) : parseIpv4(text);
    return (
      bytes && {
        family: isIpv6 ? 6 : 4,
        bytes,
      }
    );
  }
  function formatIpAddress(address) {
    const { bytes } = address;
    if (address.family === 4) return bytes.join('.');
    if (equalOctets(bytes, 0, MAPPED_PREFIX, 0, MAPPED_PREFIX.length)) return `::ffff:${bytes.slice(12).join('.')}`;
    const groups = Array.from(
      {
        length: IPV6_GROUPS,
      },
      (_, index) => readU16(bytes, index * 2),
    );
    const [runAt, runLength] = longestZeroRun(groups);
    const hex = groups.map((group) => group.toString(16));
    if (runLength < 2) return hex.join(':');
    return `${hex.slice(0, runAt).join(':')}::${hex.slice(runAt + runLength).join(':')}`;
  }
  function compareIpAddresses(a, b) {
    if (a.family !== b.family) return a.family - b.family;
    for (let index = 0; index < a.bytes.length; index++) {
      const difference = a.bytes[index] - b.bytes[index];
      if (difference !== 0) return difference;
    }
    return 0;
  }
  function equalIpAddresses(a, b) {
    return compareIpAddresses(a, b) === 0;
  }
  function parseMacAddress(text) {
    if (!/^[0-9a-f]{2}(?::[0-9a-f]{2}){5}$/i.test(text)) return undefined;
    return Uint8Array.from(text.split(':'), (octet) => Number.parseInt(octet, 16));
  }
  function formatMacAddress(mac) {
    return Array.from(mac, (octet) => octet.toString(16).padStart(2, '0')).join(':');
  }
  function parseEndpoint(text, defaultPort) {
    const bare = parseIpAddress(text);
    if (bare)
      return defaultPort === undefined
        ? undefined
        : {
            address: bare,
            port: defaultPort,
          };
    const [, bracketed, plain, digits] = /^(?:\[([^[\]]*)\]|([^[\]:]*))(?::([1-9][0-9]{0,4}))?$/.exec(text) ?? [];
    const address = parseIpAddress(bracketed ?? plain ?? '');
    const port = digits === undefined ? defaultPort : Number(digits);
    if (!address || port === undefined || port > MAX_PORT) return undefined;
    if ((address.family === 6) !== (bracketed !== undefined)) return undefined;
    return {
      address,
      port,
    };
  }
  function formatEndpoint(endpoint) {
    const address = formatIpAddress(endpoint.address);
    return endpoint.address.family === 6 ? `[${address}]:${endpoint.port}` : `${address}:${endpoint.port}`;
  }
  function equalEndpoints(a, b) {
    return a.port === b.port && equalIpAddresses(a.address, b.address);
  }
  function parseIpv4(text) {
    const octets = text.split('.');
    if (octets.length !== 4 || !octets.every((octet) => /^(?:0|[1-9][0-9]{0,2})$/.test(octet))) return undefined;
    const numbers = octets.map(Number);
    return numbers.every((number) => number <= 0xff) ? Uint8Array.from(numbers) : undefined;
  }
  function parseIpv6(text) {
    const halves = text.split('::');
    if (halves.length > 2) return undefined;
    const head = parseGroups(halves[0], halves.length === 1);
    const tail = halves.length === 2 ? parseGroups(halves[1], true) : [];
    if (!head || !tail) return undefined;
    const missing = IPV6_GROUPS - head.length - tail.length;
    if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined;
    const bytes = new Uint8Array(IPV6_GROUPS * 2);
    head.forEach((group, index) => writeU16(bytes, index * 2, group));
    tail.forEach((group, index) => writeU16(bytes, (head.length + missing + index) * 2, group));
    return bytes;
  }
  function parseGroups(text, isEnd) {
    if (text === '') return [];
    const groups = [];
    const parts = text.split(':');
    for (const [index, part] of parts.entries()) {
      if (/^[0-9a-f]{1,4}$/i.test(part)) {
        groups.push(Number.parseInt(part, 16));
        continue;
      }
      const dotted = isEnd && index === parts.length - 1 ? parseIpv4(part) : undefined;
      if (!dotted) return undefined;
      groups.push(readU16(dotted, 0), readU16(dotted, 2));
    }
    return groups;
  }
  function longestZeroRun(groups) {
    let bestAt = 0;
    let bestLength = 0;
    let length = 0;
    for (const [index, group] of groups.entries()) {
      length = group === 0 ? length + 1 : 0;
      if (length > bestLength) {
        bestLength = length;
        bestAt = index - length + 1;
      }
    }
    return [bestAt, bestLength];
  }

  return {
    parseIpAddress,
    formatIpAddress,
    compareIpAddresses,
    equalIpAddresses,
    parseMacAddress,
    formatMacAddress,
    parseEndpoint,
    formatEndpoint,
    equalEndpoints,
  };
})();

const moduleWirePrefix = (() => {
  const { compareIpAddresses, formatIpAddress, parseIpAddress } = moduleWireAddress;
  function parsePrefix(text) {
    const [, addressText, digits] = /^([^/]+)\/(0|[1-9][0-9]{0,2})$/.exec(text) ?? [];
    const address = addressText === undefined ? undefined : parseIpAddress(addressText);
    if (!address) return undefined;
    const lengthBits = Number(digits);
    if (lengthBits > address.bytes.length * 8) return undefined;
    for (let index = 0; index < address.bytes.length; index++) {
      if ((address.bytes[index] & ~maskOctet(lengthBits, index)) !== 0) return undefined;
    }
    return {
      address,
      lengthBits,
    };
  }
  function formatPrefix(prefix) {
    return `${formatIpAddress(prefix.address)}/${prefix.lengthBits}`;
  }
  function prefixContains(prefix, address) {
    if (prefix.address.family !== address.family) return false;
    for (let index = 0; index * 8 < prefix.lengthBits; index++) {
      const difference = prefix.address.bytes[index] ^ address.bytes[index];
      if ((difference & maskOctet(prefix.lengthBits, index)) !== 0) return false;
    }
    return true;
  }
  function prefixCovers(outer, inner) {
    return inner.lengthBits >= outer.lengthBits && prefixContains(outer, inner.address);
  }
  function prefixesOverlap(a, b) {
    return prefixCovers(a, b) || prefixCovers(b, a);
  }
  function comparePrefixes(a, b) {
    return compareIpAddresses(a.address, b.address) || a.lengthBits - b.lengthBits;
  }
  function addressAt(prefix, offset) {
    if (!Number.isSafeInteger(offset) || offset < 0) throw new RangeError(`offset ${offset} is not a whole number`);
    const bytes = prefix.address.bytes.slice();
    let rest = offset;
    for (let index = bytes.length - 1; rest > 0; index--) {
      const hostMask = index < 0 ? 0 : ~maskOctet(prefix.lengthBits, index) & 0xff;
      const octet = rest % 256;
      if ((octet & ~hostMask) !== 0 || hostMask === 0) return undefined;
      bytes[index] = bytes[index] | octet;
      rest = (rest - octet) / 256;
    }
    return {
      family: prefix.address.family,
      bytes,
    };
  }
  function hostPrefix(address) {
    return {
      address,
      lengthBits: address.bytes.length * 8,
    };
  }
  function maskOctet(lengthBits, index) {
    const bits = Math.min(Math.max(lengthBits - index * 8, 0), 8);
    return (0xff00 >> bits) & 0xff;
  }

  return {
    parsePrefix,
    formatPrefix,
    prefixContains,
    prefixCovers,
    prefixesOverlap,
    comparePrefixes,
    addressAt,
    hostPrefix,
  };
})();

const moduleMembershipLimits = (() => {
  const MAX_SENT_DATAGRAM_BYTES = 1_200;
  const MAX_DATAGRAM_BYTES = 9_000;
  const MAX_EXCHANGE_BYTES = 12 * 1024 * 1024;
  const MAX_ANNOUNCEMENT_BYTES = 1_000;
  const MAX_DATAGRAM_CLAIMS = 512;
  const MAX_EXCHANGE_CLAIMS = 20_000;
  const IDENTITY_BYTES = 16;
  const MAX_NAME_BYTES = 253;
  const MAX_WORD_BYTES = 64;
  const MAX_DATA_ENDPOINTS = 8;
  const MAX_NODE_ADDRESSES = 8;
  const MAX_PREFIXES = 128;
  const MAX_CAPABILITIES = 32;
  const MIN_MTU_BYTES = 576;
  const MAX_MTU_BYTES = 65_535;
  const MAX_INCARNATION = 0xff_ff_ff_fe;
  const MAX_INCARNATION_JUMP = 1_000_000;
  const MAX_UNKNOWN_FIELDS = 32;

  return {
    MAX_SENT_DATAGRAM_BYTES,
    MAX_DATAGRAM_BYTES,
    MAX_EXCHANGE_BYTES,
    MAX_ANNOUNCEMENT_BYTES,
    MAX_DATAGRAM_CLAIMS,
    MAX_EXCHANGE_CLAIMS,
    IDENTITY_BYTES,
    MAX_NAME_BYTES,
    MAX_WORD_BYTES,
    MAX_DATA_ENDPOINTS,
    MAX_NODE_ADDRESSES,
    MAX_PREFIXES,
    MAX_CAPABILITIES,
    MIN_MTU_BYTES,
    MAX_MTU_BYTES,
    MAX_INCARNATION,
    MAX_INCARNATION_JUMP,
    MAX_UNKNOWN_FIELDS,
  };
})();

const moduleMembershipFieldLimits = (() => {
  const { MAX_UNKNOWN_FIELDS } = moduleMembershipLimits;
  const MAX_FIELD = 31;
  const WireType = {
    varint: 0,
    fixed64: 1,
    lengthDelimited: 2,
    fixed32: 5,
  };
  function checkFieldLimits(bytes, at, end, limits, depth = 0) {
    const counts = countsAtDepth(depth);
    const cursor = {
      at,
    };
    while (cursor.at < end) {
      const tag = readVarint(bytes, cursor, end);
      if (tag < 8 || tag > 0xff_ff_ff_ff) return 'malformed';
      const field = Math.floor(tag / 8);
      const known = field <= MAX_FIELD ? limits[field] : undefined;
      const slot = known === undefined ? 0 : field;
      counts[slot] = counts[slot] + 1;
      if (counts[slot] > (known === undefined ? MAX_UNKNOWN_FIELDS : known.maxCount)) return 'limit-exceeded';
      const lengthBytes = valueLength(tag % 8, bytes, cursor, end);
      if (lengthBytes < 0 || lengthBytes > end - cursor.at) return 'malformed';
      if (known !== undefined && tag % 8 === WireType.lengthDelimited) {
        if (lengthBytes > known.maxBytes) return 'limit-exceeded';
        if (known.fields !== undefined) {
          const inner = checkFieldLimits(bytes, cursor.at, cursor.at + lengthBytes, known.fields, depth + 1);
          if (inner !== 'ok') return inner;
        }
      }
      cursor.at += lengthBytes;
    }
    return 'ok';
  }
  const scratch = [];
  function countsAtDepth(depth) {
    const counts = (scratch[depth] ??= new Uint32Array(MAX_FIELD + 1));
    return counts.fill(0);
  }
  function valueLength(wireType, bytes, cursor, end) {
    switch (wireType) {
      case WireType.varint:
        return readVarint(bytes, cursor, end) < 0 ? -1 : 0;
      case WireType.fixed64:
        return 8;
      case WireType.lengthDelimited:
        return readVarint(bytes, cursor, end);
      case WireType.fixed32:
        return 4;
      default:
        return -1;
    }
  }
  function readVarint(bytes, cursor, end) {
    let value = 0;
    let scale = 1;
    for (let length = 0; length < 10 && cursor.at < end; length++) {
      const octet = bytes[cursor.at++];
      value += (octet & 0x7f) * scale;
      if ((octet & 0x80) === 0) return value;
      scale *= 128;
    }
    return -1;
  }

  return { checkFieldLimits };
})();

const moduleMembershipIdentity = (() => {
  const { IDENTITY_BYTES } = moduleMembershipLimits;
  const pattern = /^[0-9a-f]{32}$/;
  function isIdentity(text) {
    return pattern.test(text);
  }
  function identityFromBytes(bytes) {
    if (bytes.length !== IDENTITY_BYTES) return undefined;
    let text = '';
    for (const octet of bytes) text += octet.toString(16).padStart(2, '0');
    return text;
  }
  function identityToBytes(identity) {
    const bytes = new Uint8Array(IDENTITY_BYTES);
    for (let index = 0; index < IDENTITY_BYTES; index++) {
      bytes[index] = Number.parseInt(identity.slice(2 * index, 2 * index + 2), 16);
    }
    return bytes;
  }

  return { isIdentity, identityFromBytes, identityToBytes };
})();

const moduleMembershipAnnouncementCodec = (() => {
  const { WeftError } = moduleErrors;
  const { prefixContains } = moduleWirePrefix;
  const { checkFieldLimits } = moduleMembershipFieldLimits;
  const { isIdentity } = moduleMembershipIdentity;
  const {
    MAX_ANNOUNCEMENT_BYTES,
    MAX_CAPABILITIES,
    MAX_DATA_ENDPOINTS,
    MAX_MTU_BYTES,
    MAX_NAME_BYTES,
    MAX_NODE_ADDRESSES,
    MAX_PREFIXES,
    MAX_WORD_BYTES,
    MIN_MTU_BYTES,
  } = moduleMembershipLimits;
  const endpointLimits = {
    1: {
      maxCount: 1,
      maxBytes: 16,
    },
    2: {
      maxCount: 1,
      maxBytes: 0,
    },
  };
  const prefixLimits = {
    1: {
      maxCount: 1,
      maxBytes: 16,
    },
    2: {
      maxCount: 1,
      maxBytes: 0,
    },
  };
  const dataEndpointLimits = {
    1: {
      maxCount: 1,
      maxBytes: MAX_WORD_BYTES,
    },
    2: {
      maxCount: 1,
      maxBytes: 64,
      fields: endpointLimits,
    },
  };
  const announcementLimits = {
    1: {
      maxCount: 1,
      maxBytes: MAX_NAME_BYTES,
    },
    2: {
      maxCount: 1,
      maxBytes: 64,
      fields: endpointLimits,
    },
    3: {
      maxCount: MAX_DATA_ENDPOINTS,
      maxBytes: 256,
      fields: dataEndpointLimits,
    },
    4: {
      maxCount: 1,
      maxBytes: 6,
    },
    5: {
      maxCount: MAX_NODE_ADDRESSES,
      maxBytes: 16,
    },
    6: {
      maxCount: MAX_PREFIXES,
      maxBytes: 64,
      fields: prefixLimits,
    },
    7: {
      maxCount: 1,
      maxBytes: 0,
    },
    8: {
      maxCount: 1,
      maxBytes: MAX_WORD_BYTES,
    },
    9: {
      maxCount: MAX_CAPABILITIES,
      maxBytes: MAX_WORD_BYTES,
    },
    10: {
      maxCount: 1,
      maxBytes: MAX_WORD_BYTES,
    },
  };
  function sealAnnouncement(announcement) {
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
    const bytes = weft.v1.Announcement.encode({
      name: announcement.name,
      gossipEndpoint: encodeEndpoint(announcement.gossipEndpoint),
      dataEndpoints: announcement.dataEndpoints.map(({ gear, endpoint }) => ({
        gear,
        endpoint: encodeEndpoint(endpoint),
      })),
      mac: announcement.mac,
      nodeAddresses: announcement.nodeAddresses.map((address) => address.bytes),
      prefixes: announcement.prefixes.map(({ address, lengthBits }) => ({
        address: address.bytes,
        lengthBits,
      })),
      mtuBytes: announcement.mtuBytes,
      version: announcement.version,
      capabilities: [...announcement.capabilities],
      network: announcement.network,
    }).finish();
    if (bytes.length > MAX_ANNOUNCEMENT_BYTES) {
      const message = `announcement of this node takes ${bytes.length} bytes, more than ${MAX_ANNOUNCEMENT_BYTES}: announce fewer prefixes`;
      throw new WeftError('announcement-invalid', message, {
        lengthBytes: bytes.length,
        limitBytes: MAX_ANNOUNCEMENT_BYTES,
      });
    }
    return {
      announcement,
      bytes: Uint8Array.from(bytes),
    };
  }
  function parseAnnouncement(identity, bytes) {
    if (bytes.length > MAX_ANNOUNCEMENT_BYTES) return 'limit-exceeded';
    const outcome = checkFieldLimits(bytes, 0, bytes.length, announcementLimits);
    if (outcome !== 'ok') return outcome;
    const own = Uint8Array.from(bytes);
    let raw;
    try {
      raw = weft.v1.Announcement.decode(own);
    } catch {
      return 'malformed';
    }
    const gossipEndpoint = decodeEndpoint(raw.gossipEndpoint);
    if (gossipEndpoint === undefined) return 'announcement-invalid';
    const announcement = {
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
      prefixes: raw.prefixes.map(({ address, lengthBits }) => ({
        address: decodeAddress(address ?? nothing),
        lengthBits: lengthBits ?? 0,
      })),
      mtuBytes: raw.mtuBytes,
      version: raw.version,
      capabilities: raw.capabilities,
    };
    return invalidField(announcement) === undefined
      ? {
          announcement,
          bytes: own,
        }
      : 'announcement-invalid';
  }
  const nothing = new Uint8Array(0);
  const nowhere = {
    address: {
      family: 4,
      bytes: nothing,
    },
    port: 0,
  };
  function encodeEndpoint(endpoint) {
    return {
      address: endpoint.address.bytes,
      port: endpoint.port,
    };
  }
  function decodeEndpoint(raw) {
    if (raw === null || raw === undefined) return undefined;
    return {
      address: decodeAddress(raw.address ?? nothing),
      port: raw.port ?? 0,
    };
  }
  function decodeAddress(bytes) {
    return {
      family: bytes.length === 16 ? 6 : 4,
      bytes,
    };
  }
  function invalidField(announcement) {
    const { dataEndpoints, nodeAddresses, prefixes, capabilities, mtuBytes } = announcement;
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
    return undefined;
  }
  const printableAscii = /^[\u0021-\u007e]+$/;
  function isWord(text, maxBytes) {
    return text.length <= maxBytes && printableAscii.test(text);
  }
  function isAddress({ family, bytes }) {
    return bytes.length === (family === 4 ? 4 : 16);
  }
  function isUnicastEndpoint({ address, port }) {
    if (!(Number.isInteger(port) && port >= 1 && port <= 65_535 && isAddress(address))) return false;
    const first = address.bytes[0];
    if (address.family === 4) return first !== 0 && first < 224;
    return first !== 0xff && address.bytes.some((octet) => octet !== 0);
  }
  function isUnicastMac(mac) {
    return mac.length === 6 && (mac[0] & 1) === 0 && mac.some((octet) => octet !== 0);
  }
  function isPrefix({ address, lengthBits }) {
    if (!isAddress(address) || !Number.isInteger(lengthBits) || lengthBits < 0) return false;
    if (lengthBits > address.bytes.length * 8) return false;
    return address.bytes.every((octet, index) => {
      const keptBits = Math.min(Math.max(lengthBits - index * 8, 0), 8);
      return (octet & (0xff >> keptBits)) === 0;
    });
  }

  return { sealAnnouncement, parseAnnouncement };
})();

const moduleMembershipCodec = (() => {
  const { parseAnnouncement } = moduleMembershipAnnouncementCodec;
  const { checkFieldLimits } = moduleMembershipFieldLimits;
  const { identityFromBytes, identityToBytes } = moduleMembershipIdentity;
  const {
    IDENTITY_BYTES,
    MAX_ANNOUNCEMENT_BYTES,
    MAX_DATAGRAM_BYTES,
    MAX_DATAGRAM_CLAIMS,
    MAX_EXCHANGE_BYTES,
    MAX_EXCHANGE_CLAIMS,
    MAX_INCARNATION,
    MAX_WORD_BYTES,
  } = moduleMembershipLimits;
  const identityLimit = {
    maxCount: 1,
    maxBytes: IDENTITY_BYTES,
  };
  const numberLimit = {
    maxCount: 1,
    maxBytes: 0,
  };
  const networkLimit = {
    maxCount: 1,
    maxBytes: MAX_WORD_BYTES,
  };
  const probeLimit = {
    maxCount: 1,
    maxBytes: 64,
    fields: {
      1: numberLimit,
      2: identityLimit,
    },
  };
  const claimLimits = {
    1: identityLimit,
    2: numberLimit,
    3: numberLimit,
    4: {
      maxCount: 1,
      maxBytes: MAX_ANNOUNCEMENT_BYTES,
    },
    5: numberLimit,
    6: numberLimit,
  };
  const MAX_CLAIM_BYTES = MAX_ANNOUNCEMENT_BYTES + 256;
  const datagramLimits = {
    1: networkLimit,
    2: identityLimit,
    3: probeLimit,
    4: probeLimit,
    5: probeLimit,
    6: {
      maxCount: MAX_DATAGRAM_CLAIMS,
      maxBytes: MAX_CLAIM_BYTES,
      fields: claimLimits,
    },
  };
  const exchangeLimits = {
    1: networkLimit,
    2: identityLimit,
    3: {
      maxCount: MAX_EXCHANGE_CLAIMS,
      maxBytes: MAX_CLAIM_BYTES,
      fields: claimLimits,
    },
  };
  const datagramClaimTag = (6 << 3) | 2;
  const exchangeClaimTag = (3 << 3) | 2;
  const stateToWire = {
    alive: 1,
    suspect: 2,
    dead: 3,
    left: 4,
  };
  const stateFromWire = [undefined, 'alive', 'suspect', 'dead', 'left'];
  function encodeClaim(claim) {
    return weft.v1.Claim.encode({
      identity: identityToBytes(claim.identity),
      incarnation: claim.incarnation,
      state: stateToWire[claim.state],
      ...(claim.sealed === undefined
        ? {}
        : {
            announcement: claim.sealed.bytes,
          }),
      announcedAt: claim.announcedAt === claim.incarnation ? 0 : claim.announcedAt,
      ageSeconds: claim.ageSeconds,
    }).finish();
  }
  function claimCostBytes(lengthBytes) {
    return lengthBytes + (lengthBytes < 128 ? 2 : 3);
  }
  function encodeDatagram(network, sender, body) {
    const probe =
      body.kind === 'none'
        ? {}
        : {
            sequence: body.sequence,
            target: identityToBytes(body.target),
          };
    return weft.v1.Datagram.encode({
      network,
      sender: identityToBytes(sender),
      ...(body.kind === 'ping' && {
        ping: probe,
      }),
      ...(body.kind === 'indirect-ping' && {
        indirectPing: probe,
      }),
      ...(body.kind === 'ack' && {
        ack: probe,
      }),
    }).finish();
  }
  function appendClaims(head, claims) {
    return concatenate(head, claims, datagramClaimTag);
  }
  function encodeExchange(network, sender, claims) {
    const head = weft.v1.Exchange.encode({
      network,
      sender: identityToBytes(sender),
    }).finish();
    return concatenate(head, claims.map(encodeClaim), exchangeClaimTag);
  }
  function parseDatagram(bytes, network) {
    if (bytes.length > MAX_DATAGRAM_BYTES) return 'too-long';
    const outcome = checkFieldLimits(bytes, 0, bytes.length, datagramLimits);
    if (outcome !== 'ok') return outcome;
    const raw = decodeSafely(() => weft.v1.Datagram.decode(bytes));
    if (raw === undefined) return 'malformed';
    if (raw.network !== network) return 'network-other';
    const sender = identityFromBytes(raw.sender);
    if (sender === undefined) return 'sender-invalid';
    const body = parseBody(raw);
    if (body === undefined) return 'probe-invalid';
    const claims = parseClaims(raw.claims);
    return typeof claims === 'string'
      ? claims
      : {
          sender,
          body,
          claims,
        };
  }
  function parseExchange(bytes, network) {
    if (bytes.length > MAX_EXCHANGE_BYTES) return 'too-long';
    const outcome = checkFieldLimits(bytes, 0, bytes.length, exchangeLimits);
    if (outcome !== 'ok') return outcome;
    const raw = decodeSafely(() => weft.v1.Exchange.decode(bytes));
    if (raw === undefined) return 'malformed';
    if (raw.network !== network) return 'network-other';
    const sender = identityFromBytes(raw.sender);
    if (sender === undefined) return 'sender-invalid';
    const claims = parseClaims(raw.claims);
    return typeof claims === 'string'
      ? claims
      : {
          sender,
          claims,
        };
  }
  function parseBody(raw) {
    const { ping, indirectPing, ack } = raw;
    if (ping) return parseProbe('ping', ping);
    if (indirectPing) return parseProbe('indirect-ping', indirectPing);
    if (ack) return parseProbe('ack', ack);
    return {
      kind: 'none',
    };
  }
  function parseProbe(kind, raw) {
    const target = identityFromBytes(raw.target ?? new Uint8Array(0));
    return target === undefined
      ? undefined
      : {
          kind,
          sequence: raw.sequence ?? 0,
          target,
        };
  }
  function parseClaims(raws) {
    const claims = [];
    for (const raw of raws) {
      const claim = parseClaim(raw);
      if (typeof claim === 'string') return claim;
      claims.push(claim);
    }
    return claims;
  }
  function parseClaim(raw) {
    const identity = identityFromBytes(raw.identity ?? new Uint8Array(0));
    const state = stateFromWire[raw.state ?? 0];
    const incarnation = raw.incarnation ?? 0;
    const announcedAt = raw.announcedAt ? raw.announcedAt : incarnation;
    if (identity === undefined || state === undefined) return 'claim-invalid';
    if (incarnation < 1 || incarnation > MAX_INCARNATION || announcedAt > incarnation) return 'claim-invalid';
    const ageSeconds = raw.ageSeconds ?? 0;
    if (!raw.announcement || raw.announcement.length === 0) {
      return {
        identity,
        incarnation,
        state,
        sealed: undefined,
        announcedAt: incarnation,
        ageSeconds,
      };
    }
    const sealed = parseAnnouncement(identity, raw.announcement);
    if (typeof sealed === 'string') return sealed;
    return {
      identity,
      incarnation,
      state,
      sealed,
      announcedAt,
      ageSeconds,
    };
  }
  function decodeSafely(decode) {
    try {
      return decode();
    } catch {
      return undefined;
    }
  }
  function concatenate(head, claims, tag) {
    let lengthBytes = head.length;
    for (const claim of claims) lengthBytes += claimCostBytes(claim.length);
    const bytes = new Uint8Array(lengthBytes);
    bytes.set(head);
    let at = head.length;
    for (const claim of claims) {
      bytes[at++] = tag;
      if (claim.length >= 128) bytes[at++] = (claim.length & 0x7f) | 0x80;
      bytes[at++] = claim.length >= 128 ? claim.length >> 7 : claim.length;
      bytes.set(claim, at);
      at += claim.length;
    }
    return bytes;
  }

  return { encodeClaim, claimCostBytes, encodeDatagram, appendClaims, encodeExchange, parseDatagram, parseExchange };
})();

const moduleMembershipDissemination = (() => {
  const { claimCostBytes } = moduleMembershipCodec;
  function transmitLimit(parameters, clusterSize) {
    return Math.ceil(parameters.retransmitMultiplier * Math.log10(clusterSize + 1)) + parameters.extraTransmits;
  }
  const MAX_PASSED_OVER = 16;
  class Dissemination {
    #parameters;
    #bySends = [];
    constructor(parameters) {
      this.#parameters = parameters;
    }
    get length() {
      return this.#bySends.reduce((sum, news) => sum + news.size, 0);
    }
    holdsAnnouncement(identity) {
      return this.#bySends.some((news) => news.get(identity)?.hasAnnouncement === true);
    }
    enqueue(identity, bytes, hasAnnouncement) {
      for (const news of this.#bySends) news.delete(identity);
      this.#bucket(0).set(identity, {
        identity,
        bytes,
        hasAnnouncement,
      });
    }
    take(budgetBytes, clusterSize) {
      const limit = transmitLimit(this.#parameters, clusterSize);
      const taken = [];
      let leftBytes = budgetBytes;
      let passedOver = 0;
      for (const [sends, bucket] of this.#bySends.entries()) {
        for (const news of bucket.values()) {
          const costBytes = claimCostBytes(news.bytes.length);
          if (costBytes <= leftBytes) {
            leftBytes -= costBytes;
            taken.push({
              news,
              sends,
            });
          } else if (++passedOver > MAX_PASSED_OVER) break;
        }
        if (passedOver > MAX_PASSED_OVER) break;
      }
      for (const { news, sends } of taken) {
        this.#bySends[sends].delete(news.identity);
        if (sends + 1 < limit) this.#bucket(sends + 1).set(news.identity, news);
      }
      return taken.map(({ news }) => news.bytes);
    }
    #bucket(sends) {
      while (this.#bySends.length <= sends) this.#bySends.push(new Map());
      return this.#bySends[sends];
    }
  }

  return { transmitLimit, Dissemination };
})();

const moduleMembershipDraw = (() => {
  function drawIndex(random, count) {
    return Math.floor((random.uint32() / 0x1_0000_0000) * count);
  }
  function drawSome(random, items, count) {
    const pool = [...items];
    const drawn = Math.min(count, pool.length);
    for (let index = 0; index < drawn; index++) {
      const other = index + drawIndex(random, pool.length - index);
      [pool[index], pool[other]] = [pool[other], pool[index]];
    }
    return pool.slice(0, drawn);
  }
  function jitter(random, delayMs) {
    return delayMs * (0.9 + (0.2 * random.uint32()) / 0x1_0000_0000);
  }

  return { drawIndex, drawSome, jitter };
})();

const moduleMembershipProbeOrder = (() => {
  const { drawIndex, drawSome } = moduleMembershipDraw;
  class ProbeOrder {
    #random;
    #order = [];
    #next = 0;
    constructor(random) {
      this.#random = random;
    }
    next(candidates) {
      this.#follow(candidates);
      if (this.#order.length === 0) return undefined;
      if (this.#next >= this.#order.length) {
        this.#order = drawSome(this.#random, this.#order, this.#order.length);
        this.#next = 0;
      }
      return this.#order[this.#next++];
    }
    #follow(candidates) {
      const wanted = new Set(candidates);
      const probedBefore = this.#next;
      this.#order = this.#order.filter((identity, index) => {
        const stays = wanted.delete(identity);
        if (!stays && index < probedBefore) this.#next--;
        return stays;
      });
      for (const identity of wanted) {
        const place = drawIndex(this.#random, this.#order.length + 1);
        this.#order.splice(place, 0, identity);
        if (place < this.#next) this.#next++;
      }
    }
  }

  return { ProbeOrder };
})();

const moduleMembershipFailureDetector = (() => {
  const { drawSome } = moduleMembershipDraw;
  const { ProbeOrder } = moduleMembershipProbeOrder;
  const MAX_RELAYED_PROBES = 1_024;
  class FailureDetector {
    #options;
    #order;
    #probe;
    #relayed = new Map();
    #lastSequence;
    constructor(options) {
      this.#options = options;
      this.#order = new ProbeOrder(options.random);
      this.#lastSequence = options.random.uint32();
    }
    round() {
      const { table, parameters, clock, onFailed, send } = this.#options;
      const unanswered = this.#probe;
      this.#probe = undefined;
      if (unanswered !== undefined) onFailed(unanswered.target, unanswered.incarnation);
      const target = this.#order.next(table.liveOthers().map(({ announcement }) => announcement.identity));
      const record = target === undefined ? undefined : table.get(target);
      if (target === undefined || record === undefined) return;
      const probe = {
        sequence: this.#nextSequence(),
        target,
        incarnation: record.incarnation,
      };
      this.#probe = probe;
      send(record.announcement.gossipEndpoint, {
        kind: 'ping',
        sequence: probe.sequence,
        target,
      });
      clock.after(parameters.probeTimeoutMs, () => {
        if (this.#probe === probe) this.#askOthers(probe);
      });
    }
    handle(from, body) {
      switch (body.kind) {
        case 'none':
          break;
        case 'ping':
          if (body.target !== this.#options.self) return 'probe-misdirected';
          this.#options.send(from, {
            kind: 'ack',
            sequence: body.sequence,
            target: body.target,
          });
          break;
        case 'indirect-ping':
          return this.#relay(from, body.sequence, body.target);
        case 'ack':
          return this.#acknowledge(body.sequence, body.target);
      }
      return undefined;
    }
    #askOthers({ sequence, target }) {
      const { random, table, parameters, send } = this.#options;
      const helpers = table
        .liveOthers()
        .filter(({ state, announcement }) => state === 'alive' && announcement.identity !== target);
      for (const { announcement } of drawSome(random, helpers, parameters.indirectProbes)) {
        send(announcement.gossipEndpoint, {
          kind: 'indirect-ping',
          sequence,
          target,
        });
      }
    }
    #relay(asker, askerSequence, target) {
      const { self, table, clock, parameters, send } = this.#options;
      const record = target === self ? undefined : table.get(target);
      if (record === undefined || this.#relayed.size >= MAX_RELAYED_PROBES) return 'probe-unknown-target';
      const sequence = this.#nextSequence();
      this.#relayed.set(sequence, {
        target,
        asker,
        askerSequence,
      });
      send(record.announcement.gossipEndpoint, {
        kind: 'ping',
        sequence,
        target,
      });
      clock.after(parameters.probeIntervalMs, () => this.#relayed.delete(sequence));
      return undefined;
    }
    #acknowledge(sequence, target) {
      if (this.#probe?.sequence === sequence && this.#probe.target === target) {
        this.#probe = undefined;
        return undefined;
      }
      const relayed = this.#relayed.get(sequence);
      if (relayed?.target !== target) return 'ack-unexpected';
      this.#relayed.delete(sequence);
      this.#options.send(relayed.asker, {
        kind: 'ack',
        sequence: relayed.askerSequence,
        target,
      });
      return undefined;
    }
    #nextSequence() {
      this.#lastSequence = (this.#lastSequence + 1) >>> 0;
      return this.#lastSequence;
    }
  }

  return { FailureDetector };
})();

const moduleMembershipLocalMember = (() => {
  const { compareIpAddresses, equalEndpoints } = moduleWireAddress;
  const { sealAnnouncement } = moduleMembershipAnnouncementCodec;
  const { MAX_INCARNATION } = moduleMembershipLimits;
  class LocalMember {
    #parameters;
    #sealed;
    #incarnation;
    #hasLeft = false;
    #contestedBy;
    #contestsMs = [];
    constructor(announcement, incarnation, parameters) {
      this.#sealed = sealAnnouncement(announcement);
      this.#incarnation = incarnation;
      this.#parameters = parameters;
    }
    get announcement() {
      return this.#sealed.announcement;
    }
    get hasLeft() {
      return this.#hasLeft;
    }
    get contestedBy() {
      return this.#contestedBy;
    }
    claim() {
      return {
        identity: this.announcement.identity,
        incarnation: this.#incarnation,
        state: this.#hasLeft ? 'left' : 'alive',
        sealed: this.#sealed,
        announcedAt: this.#incarnation,
        ageSeconds: 0,
      };
    }
    announce(announcement) {
      this.#sealed = sealAnnouncement(announcement);
      this.#incarnation = Math.min(this.#incarnation + 1, MAX_INCARNATION);
    }
    leave() {
      this.#hasLeft = true;
    }
    contest(claim, nowMs) {
      if (this.#hasLeft || this.#agreesWith(claim) || claim.incarnation >= MAX_INCARNATION) return 'agrees';
      const rival = this.#rivalIn(claim);
      if (this.#contestedBy !== undefined) {
        const rivalIsGone = claim.state === 'dead' || claim.state === 'left';
        if (!rivalIsGone) return 'yielded';
        this.#contestedBy = undefined;
        this.#contestsMs = [];
      } else if (rival !== undefined && claim.state === 'alive') {
        const windowMs = this.#parameters.contestWindowMs;
        this.#contestsMs = [...this.#contestsMs.filter((atMs) => nowMs - atMs < windowMs), nowMs];
        if (
          this.#contestsMs.length > this.#parameters.maxContests &&
          isBelow(rival, this.announcement.gossipEndpoint)
        ) {
          this.#contestedBy = rival;
          return 'yielded';
        }
      }
      this.#incarnation = claim.incarnation + 1;
      return 'outbid';
    }
    #agreesWith(claim) {
      if (claim.incarnation !== this.#incarnation) return claim.incarnation < this.#incarnation;
      return (
        claim.state === 'alive' && (claim.sealed === undefined || equalBytes(claim.sealed.bytes, this.#sealed.bytes))
      );
    }
    #rivalIn(claim) {
      const endpoint = claim.sealed?.announcement.gossipEndpoint;
      return endpoint === undefined || equalEndpoints(endpoint, this.announcement.gossipEndpoint)
        ? undefined
        : endpoint;
    }
  }
  function isBelow(a, b) {
    const order = compareIpAddresses(a.address, b.address);
    return order === 0 ? a.port < b.port : order < 0;
  }
  function equalBytes(a, b) {
    return a.length === b.length && a.every((octet, index) => octet === b[index]);
  }

  return { LocalMember };
})();

const moduleMembershipMemberTable = (() => {
  const severity = {
    alive: 0,
    suspect: 1,
    dead: 2,
    left: 3,
  };
  function supersedes(claim, known) {
    if (claim.incarnation !== known.incarnation) return claim.incarnation > known.incarnation;
    return severity[claim.state] > severity[known.state];
  }
  function announcesNewer(claim, known) {
    if (claim.sealed === undefined) return false;
    if (claim.announcedAt !== known.announcedAt) return claim.announcedAt > known.announcedAt;
    return compareBytes(claim.sealed.bytes, known.sealed.bytes) < 0;
  }
  function isLive(state) {
    return state === 'alive' || state === 'suspect';
  }
  class MemberTable {
    #self;
    #maxMembers;
    #forgetAfterMs;
    #records = new Map();
    #sorted;
    #others;
    #version = 0;
    constructor(self, limits) {
      this.#self = self;
      this.#maxMembers = limits.maxMembers;
      this.#forgetAfterMs = limits.forgetAfterMs;
    }
    get version() {
      return this.#version;
    }
    get(identity) {
      return this.#records.get(identity);
    }
    members() {
      this.#sorted ??= [...this.#records.values()].sort((a, b) =>
        a.announcement.identity < b.announcement.identity ? -1 : 1,
      );
      return this.#sorted;
    }
    liveOthers() {
      this.#others ??= this.members().filter(
        ({ state, announcement }) => isLive(state) && announcement.identity !== this.#self,
      );
      return this.#others;
    }
    clusterSize() {
      return this.liveOthers().length + 1;
    }
    setSelf(claim, nowMs) {
      const known = this.#records.get(this.#self);
      const sinceMs = known?.state === claim.state ? known.sinceMs : nowMs;
      this.#put({
        ...recordOf(claim, claim.sealed),
        sinceMs,
      });
    }
    apply(claim, nowMs) {
      const enteredMs = nowMs - claim.ageSeconds * 1_000;
      const known = this.#records.get(claim.identity);
      if (known === undefined) {
        if (claim.sealed === undefined) return 'unknown';
        const isOver = !isLive(claim.state) && nowMs - enteredMs >= this.#forgetAfterMs;
        if (isOver) return 'unchanged';
        if (this.#records.size >= this.#maxMembers && !this.#dropLongestGone()) return 'full';
        this.#put({
          ...recordOf(claim, claim.sealed),
          sinceMs: enteredMs,
        });
        return 'changed';
      }
      const stateChanges = supersedes(claim, known);
      const announcementChanges = announcesNewer(claim, known);
      if (!stateChanges && !announcementChanges) return 'unchanged';
      const { sealed, announcedAt } = announcementChanges ? claim : known;
      const { incarnation, state } = stateChanges ? claim : known;
      const sinceMs = state === known.state ? known.sinceMs : enteredMs;
      this.#put({
        announcement: sealed.announcement,
        sealed,
        announcedAt,
        incarnation,
        state,
        sinceMs,
      });
      return 'changed';
    }
    claims(nowMs) {
      return this.members().map((record) => claimOf(record, nowMs));
    }
    forgetExpired(nowMs) {
      for (const [identity, { state, sinceMs }] of this.#records) {
        if (isLive(state) || identity === this.#self || nowMs - sinceMs < this.#forgetAfterMs) continue;
        this.#records.delete(identity);
        this.#changed();
      }
    }
    #dropLongestGone() {
      let oldest;
      for (const record of this.#records.values()) {
        if (isLive(record.state) || record.announcement.identity === this.#self) continue;
        if (oldest === undefined || record.sinceMs < oldest.sinceMs) oldest = record;
      }
      return oldest !== undefined && this.#records.delete(oldest.announcement.identity);
    }
    #put(record) {
      this.#records.set(record.announcement.identity, record);
      this.#changed();
    }
    #changed() {
      this.#version++;
      this.#sorted = undefined;
      this.#others = undefined;
    }
  }
  function claimOf(record, nowMs) {
    const { announcement, incarnation, state, sealed, announcedAt } = record;
    const ageSeconds = Math.max(0, Math.floor((nowMs - record.sinceMs) / 1_000));
    return {
      identity: announcement.identity,
      incarnation,
      state,
      sealed,
      announcedAt,
      ageSeconds,
    };
  }
  function recordOf(claim, sealed) {
    const { incarnation, state, announcedAt } = claim;
    return {
      announcement: sealed.announcement,
      sealed,
      announcedAt,
      incarnation,
      state,
    };
  }
  function compareBytes(a, b) {
    const shared = Math.min(a.length, b.length);
    for (let index = 0; index < shared; index++) {
      if (a[index] !== b[index]) return a[index] - b[index];
    }
    return a.length - b.length;
  }

  return { supersedes, announcesNewer, isLive, MemberTable, claimOf };
})();

const moduleMembershipParameters = (() => {
  const defaultParameters = {
    probeIntervalMs: 1_000,
    probeTimeoutMs: 500,
    indirectProbes: 3,
    suspicionMultiplier: 3,
    retransmitMultiplier: 4,
    extraTransmits: 4,
    gossipIntervalMs: 200,
    gossipFanout: 3,
    pushPullIntervalMs: 30_000,
    firstPushPullMs: 2_000,
    joinBackoffMs: 500,
    maxJoinBackoffMs: 5_000,
    redialIntervalMs: 2_000,
    forgetAfterMs: 24 * 3_600_000,
    maxMembers: 10_000,
    maxContests: 2,
    contestWindowMs: 600_000,
    leaveFanout: 8,
  };

  return { defaultParameters };
})();

const moduleMembershipPushPull = (() => {
  const { equalEndpoints, formatEndpoint } = moduleWireAddress;
  const { drawIndex, jitter } = moduleMembershipDraw;
  const { ProbeOrder } = moduleMembershipProbeOrder;
  const MAX_DIALS = 16;
  const INTRODUCTION_INTERVAL_MS = 1_000;
  function pushPullIntervalMs(parameters, clusterSize) {
    return parameters.pushPullIntervalMs * (1 + Math.max(0, Math.ceil(Math.log2(clusterSize / 32))));
  }
  class PushPull {
    #options;
    #seeds;
    #dialling = new Set();
    #redialOrder;
    #lastIntroductionMs = -Infinity;
    #joinNumber = 0;
    constructor(options) {
      this.#options = options;
      this.#seeds = options.seeds;
      this.#redialOrder = new ProbeOrder(options.random);
    }
    join() {
      this.#attemptJoin(++this.#joinNumber, this.#options.parameters.joinBackoffMs);
    }
    stop() {
      this.#joinNumber++;
    }
    setSeeds(seeds) {
      const before = this.#seeds;
      this.#seeds = seeds;
      return seeds.length !== before.length || seeds.some((seed, index) => !equalEndpoints(seed, before[index]));
    }
    exchangeWithAnyone() {
      const others = this.#options.table.liveOthers();
      if (others.length === 0) return;
      this.#dial(others[drawIndex(this.#options.random, others.length)].announcement.gossipEndpoint);
    }
    redial() {
      const members = this.#options.table.members();
      const lost = new Map();
      const seek = (endpoint) => {
        const isAlive = members.some(
          ({ state, announcement }) => state === 'alive' && equalEndpoints(announcement.gossipEndpoint, endpoint),
        );
        if (!isAlive && !equalEndpoints(endpoint, this.#options.ownEndpoint()))
          lost.set(formatEndpoint(endpoint), endpoint);
      };
      for (const { state, announcement } of members) {
        if (state === 'dead') seek(announcement.gossipEndpoint);
      }
      for (const seed of this.#seeds) seek(seed);
      const next = this.#redialOrder.next([...lost.keys()].sort());
      if (next !== undefined) this.#dial(lost.get(next));
    }
    introduce(from) {
      const nowMs = this.#options.clock.nowMs();
      if (nowMs - this.#lastIntroductionMs < INTRODUCTION_INTERVAL_MS) return;
      this.#lastIntroductionMs = nowMs;
      this.#dial(from);
    }
    #attemptJoin(joinNumber, backoffMs) {
      const { clock, random, parameters, table } = this.#options;
      for (const seed of this.#seeds) this.#dial(seed);
      clock.after(jitter(random, backoffMs), () => {
        if (joinNumber !== this.#joinNumber || table.liveOthers().length > 0) return;
        this.#attemptJoin(joinNumber, Math.min(backoffMs * 1.5, parameters.maxJoinBackoffMs));
      });
    }
    #dial(endpoint) {
      const { transport, request, onReply, ownEndpoint } = this.#options;
      const key = formatEndpoint(endpoint);
      if (equalEndpoints(endpoint, ownEndpoint())) return;
      if (this.#dialling.has(key) || this.#dialling.size >= MAX_DIALS) return;
      this.#dialling.add(key);
      transport.exchange(endpoint, request(), (reply) => {
        this.#dialling.delete(key);
        if (reply !== undefined) onReply(endpoint, reply);
      });
    }
  }

  return { pushPullIntervalMs, PushPull };
})();

const moduleMembershipRefusals = (() => {
  const { formatEndpoint } = moduleWireAddress;
  const refusalMeanings = {
    'too-long': 'the message is longer than the limit',
    malformed: 'the bytes are not a protobuf message of the expected type',
    'limit-exceeded': 'a list or a field is longer than its limit',
    'network-other': 'the message is of another network',
    'sender-invalid': 'the identity of the sender is not 16 bytes',
    'sender-self': 'the sender bears the identity of this node',
    'claim-invalid': 'identity, state or incarnation of a claim is out of range',
    'incarnation-jump': 'a claim is implausibly far ahead of what is known of the member',
    'announcement-invalid': 'a field of an announcement is missing or out of range',
    'probe-invalid': 'the target of a probe or its answer is not 16 bytes',
    'probe-misdirected': 'a probe is meant for another node, which perhaps had this address before',
    'probe-unknown-target': 'an indirect probe names a member that is not known, or too many are under way',
    'ack-unexpected': 'an answer came too late, twice, or without a question',
    'members-full': 'a new member is claimed, and as many as may be are alive',
  };
  const refusalReasons = Object.keys(refusalMeanings);
  const LOG_INTERVAL_MS = 60_000;
  const ordinary = new Set(['ack-unexpected']);
  class Refusals {
    #clock;
    #logger;
    #counts = new Map(refusalReasons.map((reason) => [reason, 0]));
    #loggedAtMs = new Map();
    constructor(clock, logger) {
      this.#clock = clock;
      this.#logger = logger;
    }
    count(reason, from) {
      const count = this.#counts.get(reason) + 1;
      this.#counts.set(reason, count);
      if (ordinary.has(reason)) return;
      const nowMs = this.#clock.nowMs();
      if (nowMs - (this.#loggedAtMs.get(reason) ?? -Infinity) < LOG_INTERVAL_MS) return;
      this.#loggedAtMs.set(reason, nowMs);
      const fields = {
        reason,
        meaning: refusalMeanings[reason],
        from: formatEndpoint(from),
        count,
      };
      this.#logger.warn(fields, 'gossip refused');
    }
    counts() {
      return Object.fromEntries(this.#counts);
    }
  }

  return { refusalMeanings, refusalReasons, Refusals };
})();

const moduleMembershipSuspicion = (() => {
  function suspicionTimeoutMs(parameters, clusterSize) {
    return parameters.suspicionMultiplier * Math.max(1, Math.log10(clusterSize)) * parameters.probeIntervalMs;
  }
  class Suspicions {
    #clock;
    #parameters;
    #onExpired;
    #running = new Map();
    constructor(clock, parameters, onExpired) {
      this.#clock = clock;
      this.#parameters = parameters;
      this.#onExpired = onExpired;
    }
    begin(identity, incarnation, clusterSize) {
      if (this.#running.get(identity) === incarnation) return;
      this.#running.set(identity, incarnation);
      this.#clock.after(suspicionTimeoutMs(this.#parameters, clusterSize), () => {
        if (this.#running.get(identity) !== incarnation) return;
        this.#running.delete(identity);
        this.#onExpired(identity, incarnation);
      });
    }
  }

  return { suspicionTimeoutMs, Suspicions };
})();

const moduleMembershipMembership = (() => {
  const { appendClaims, encodeClaim, encodeDatagram, encodeExchange, parseDatagram, parseExchange } =
    moduleMembershipCodec;
  const { Dissemination } = moduleMembershipDissemination;
  const { drawSome, jitter } = moduleMembershipDraw;
  const { FailureDetector } = moduleMembershipFailureDetector;
  const { MAX_INCARNATION_JUMP, MAX_SENT_DATAGRAM_BYTES } = moduleMembershipLimits;
  const { LocalMember } = moduleMembershipLocalMember;
  const { claimOf, isLive, MemberTable, supersedes } = moduleMembershipMemberTable;
  const { defaultParameters } = moduleMembershipParameters;
  const { PushPull, pushPullIntervalMs } = moduleMembershipPushPull;
  const { Refusals } = moduleMembershipRefusals;
  const { Suspicions } = moduleMembershipSuspicion;
  class Membership {
    #options;
    #parameters;
    #network;
    #local;
    #table;
    #detector;
    #suspicions;
    #dissemination;
    #pushPull;
    #refusals;
    #isRunning = false;
    #inputDepth = 0;
    #reportedVersion;
    constructor(options) {
      const { clock, random, transport, logger, self, seeds } = options;
      this.#options = options;
      this.#parameters = {
        ...defaultParameters,
        ...options.parameters,
      };
      this.#network = self.network;
      this.#local = new LocalMember(self, options.incarnation ?? 1, this.#parameters);
      this.#table = new MemberTable(self.identity, this.#parameters);
      this.#table.setSelf(this.#local.claim(), clock.nowMs());
      this.#reportedVersion = this.#table.version;
      this.#refusals = new Refusals(clock, logger);
      this.#dissemination = new Dissemination(this.#parameters);
      this.#suspicions = new Suspicions(clock, this.#parameters, (identity, incarnation) =>
        this.#declare(identity, incarnation, 'dead'),
      );
      this.#detector = new FailureDetector({
        self: self.identity,
        clock,
        random,
        parameters: this.#parameters,
        table: this.#table,
        send: (to, body) => this.#send(to, body),
        onFailed: (identity, incarnation) => this.#declare(identity, incarnation, 'suspect'),
      });
      this.#pushPull = new PushPull({
        clock,
        random,
        parameters: this.#parameters,
        table: this.#table,
        transport,
        seeds,
        ownEndpoint: () => this.#local.announcement.gossipEndpoint,
        request: () => this.#encodeState(),
        onReply: (from, reply) => this.#input(() => this.#takeExchange(from, reply)),
      });
    }
    start() {
      this.#isRunning = true;
      const { probeIntervalMs, gossipIntervalMs, redialIntervalMs, firstPushPullMs } = this.#parameters;
      this.#every(
        probeIntervalMs,
        () => probeIntervalMs,
        () => this.#detector.round(),
      );
      this.#every(
        gossipIntervalMs,
        () => gossipIntervalMs,
        () => this.#gossip(),
      );
      this.#every(
        redialIntervalMs,
        () => redialIntervalMs,
        () => this.#pushPull.redial(),
      );
      this.#every(
        firstPushPullMs,
        () => pushPullIntervalMs(this.#parameters, this.#table.clusterSize()),
        () => {
          this.#table.forgetExpired(this.#options.clock.nowMs());
          this.#pushPull.exchangeWithAnyone();
        },
      );
      this.#pushPull.join();
    }
    stop() {
      this.#isRunning = false;
      this.#pushPull.stop();
    }
    leave() {
      this.#input(() => {
        this.#local.leave();
        this.#publishSelf();
        for (const { announcement } of this.#drawOthers(this.#parameters.leaveFanout)) {
          this.#send(announcement.gossipEndpoint, {
            kind: 'none',
          });
        }
      });
    }
    setSeeds(seeds) {
      if (this.#pushPull.setSeeds(seeds) && this.#isRunning) this.#pushPull.join();
    }
    announce(change) {
      const announcement = {
        ...this.#local.announcement,
        ...change,
      };
      if (announcement.identity !== this.#local.announcement.identity) throw new RangeError('identity cannot change');
      if (announcement.network !== this.#network) throw new RangeError('network cannot change');
      this.#input(() => {
        this.#local.announce(announcement);
        this.#publishSelf();
      });
    }
    handleDatagram(from, bytes) {
      if (!this.#isRunning) return;
      this.#input(() => {
        const datagram = parseDatagram(bytes, this.#network);
        if (typeof datagram === 'string') return this.#refusals.count(datagram, from);
        if (datagram.sender === this.#local.announcement.identity) return this.#refusals.count('sender-self', from);
        for (const claim of datagram.claims) this.#takeClaim(from, claim);
        const refusal = this.#detector.handle(from, datagram.body);
        if (refusal !== undefined) this.#refusals.count(refusal, from);
        const sender = this.#table.get(datagram.sender);
        if (sender === undefined || sender.state === 'dead') this.#pushPull.introduce(from);
      });
    }
    handleExchange(from, bytes) {
      if (!this.#isRunning) return undefined;
      let accepted = false;
      this.#input(() => {
        accepted = this.#takeExchange(from, bytes);
      });
      return accepted ? this.#encodeState() : undefined;
    }
    members() {
      return this.#table.members();
    }
    refused() {
      return this.#refusals.counts();
    }
    contestedBy() {
      return this.#local.contestedBy;
    }
    #input(action) {
      this.#inputDepth++;
      try {
        action();
      } finally {
        this.#inputDepth--;
      }
      if (this.#inputDepth > 0 || this.#table.version === this.#reportedVersion) return;
      this.#reportedVersion = this.#table.version;
      this.#options.onChange(this.#table.members());
    }
    #every(withinMs, intervalMs, action) {
      const { clock, random } = this.#options;
      const repeat = () => {
        if (!this.#isRunning) return;
        this.#input(action);
        clock.after(jitter(random, intervalMs()), repeat);
      };
      clock.after((withinMs * random.uint32()) / 0x1_0000_0000, repeat);
    }
    #gossip() {
      if (this.#dissemination.length === 0) return;
      for (const { announcement } of this.#drawOthers(this.#parameters.gossipFanout)) {
        if (this.#dissemination.length === 0) return;
        this.#send(announcement.gossipEndpoint, {
          kind: 'none',
        });
      }
    }
    #drawOthers(count) {
      return drawSome(this.#options.random, this.#table.liveOthers(), count);
    }
    #send(to, body) {
      if (!this.#isRunning) return;
      const head = encodeDatagram(this.#network, this.#local.announcement.identity, body);
      const news = this.#dissemination.take(MAX_SENT_DATAGRAM_BYTES - head.length, this.#table.clusterSize());
      this.#options.transport.sendDatagram(to, appendClaims(head, news));
    }
    #encodeState() {
      const claims = this.#table.claims(this.#options.clock.nowMs());
      return encodeExchange(this.#network, this.#local.announcement.identity, claims);
    }
    #takeExchange(from, bytes) {
      if (!this.#isRunning) return false;
      const exchange = parseExchange(bytes, this.#network);
      const refusal =
        typeof exchange === 'string'
          ? exchange
          : exchange.sender === this.#local.announcement.identity
            ? 'sender-self'
            : undefined;
      if (refusal !== undefined) {
        this.#refusals.count(refusal, from);
        return false;
      }
      for (const claim of exchange.claims) {
        this.#takeClaim(from, this.#softened(claim));
      }
      return true;
    }
    #softened(claim) {
      const known = this.#table.get(claim.identity);
      const isNewsOfDeath = claim.state === 'dead' && known !== undefined && isLive(known.state);
      const isOfSelf = claim.identity === this.#local.announcement.identity;
      return isNewsOfDeath && !isOfSelf
        ? {
            ...claim,
            state: 'suspect',
            ageSeconds: 0,
          }
        : claim;
    }
    #takeClaim(from, claim) {
      const known = this.#table.get(claim.identity);
      if (known !== undefined && claim.incarnation > known.incarnation + MAX_INCARNATION_JUMP) {
        return this.#refusals.count('incarnation-jump', from);
      }
      if (claim.identity === this.#local.announcement.identity) return this.#contest(claim);
      const { clock } = this.#options;
      const outcome = this.#table.apply(claim, clock.nowMs());
      if (outcome === 'full') return this.#refusals.count('members-full', from);
      if (outcome === 'changed') this.#spread(claim.identity, known);
    }
    #contest(claim) {
      const { clock, logger } = this.#options;
      const wasContested = this.#local.contestedBy !== undefined;
      const outcome = this.#local.contest(claim, clock.nowMs());
      if (outcome === 'agrees') return;
      if (outcome === 'outbid') {
        logger.debug(
          {
            state: claim.state,
            incarnation: claim.incarnation,
          },
          'claim about this node refuted',
        );
        this.#publishSelf();
      } else if (!wasContested) {
        logger.error(
          {
            identity: claim.identity,
          },
          'another process bears the identity of this node and has prevailed',
        );
      }
    }
    #publishSelf() {
      const claim = this.#local.claim();
      this.#table.setSelf(claim, this.#options.clock.nowMs());
      this.#dissemination.enqueue(claim.identity, encodeClaim(claim), true);
    }
    #declare(identity, incarnation, state) {
      this.#input(() => {
        const known = this.#table.get(identity);
        if (known === undefined || known.incarnation !== incarnation) return;
        if (
          !this.#isRunning ||
          !supersedes(
            {
              incarnation,
              state,
            },
            known,
          )
        )
          return;
        const claim = {
          identity,
          incarnation,
          state,
          sealed: undefined,
          announcedAt: incarnation,
          ageSeconds: 0,
        };
        this.#table.apply(claim, this.#options.clock.nowMs());
        this.#spread(identity, known);
      });
    }
    #spread(identity, before) {
      const { clock, logger } = this.#options;
      const record = this.#table.get(identity);
      const { announcement, state, incarnation } = record;
      const isNewAnnouncement = before?.announcement !== announcement;
      const carriesAnnouncement =
        state === 'alive' || isNewAnnouncement || this.#dissemination.holdsAnnouncement(identity);
      const claim = claimOf(record, clock.nowMs());
      const bytes = encodeClaim(
        carriesAnnouncement
          ? claim
          : {
              ...claim,
              sealed: undefined,
              announcedAt: incarnation,
            },
      );
      this.#dissemination.enqueue(identity, bytes, carriesAnnouncement);
      if (state === 'suspect') this.#suspicions.begin(identity, incarnation, this.#table.clusterSize());
      if (before?.state !== state) {
        const fields = {
          member: announcement.name,
          identity,
          state,
          before: before?.state,
          incarnation,
        };
        logger.info(fields, 'member changed state');
      }
    }
  }

  return { Membership };
})();

export const { Membership } = moduleMembershipMembership;
export const { parseDatagram, parseExchange } = moduleMembershipCodec;
