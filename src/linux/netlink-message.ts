/** Messages of netlink(7) as they are sent. Pure. Numbers of the header are in host order, which is little-endian wherever weft runs. */
import { Abi, Struct } from './kernel-abi.ts';
import { aligned } from './netlink-attributes.ts';

/** A type and its value, or the attributes nested in it. */
export type NetlinkAttribute = readonly [type: number, value: Uint8Array | readonly NetlinkAttribute[]];

export interface NetlinkHeader {
  readonly type: number;
  /** `NLM_F_REQUEST` is added. */
  readonly flags: number;
  /** Of the answer, too. */
  readonly sequence?: number;
}

const encoder = new TextEncoder();

/** In the type of an attribute that has others in it (NLA_F_NESTED). */
const NESTED = 0x80_00;

/** Header, `body`, attributes. */
export function encodeMessage(
  { type, flags, sequence = 0 }: NetlinkHeader,
  body: Uint8Array,
  attributes: readonly NetlinkAttribute[],
): Uint8Array {
  const { size, nlmsg_len, nlmsg_type, nlmsg_flags, nlmsg_seq } = Struct.nlmsghdr;
  const begin = size + aligned(body.length);
  const bytes = new Uint8Array(begin + sizeOf(attributes));
  const view = new DataView(bytes.buffer);
  view.setUint32(nlmsg_len, bytes.length, true);
  view.setUint16(nlmsg_type, type, true);
  view.setUint16(nlmsg_flags, Abi.NLM_F_REQUEST | flags, true);
  view.setUint32(nlmsg_seq, sequence, true);
  bytes.set(body, size);
  putAttributes(attributes, bytes, view, begin);
  return bytes;
}

/** Attributes alone: what is nested behind a header of its own. */
export function encodeAttributes(attributes: readonly NetlinkAttribute[]): Uint8Array {
  const bytes = new Uint8Array(sizeOf(attributes));
  putAttributes(attributes, bytes, new DataView(bytes.buffer), 0);
  return bytes;
}

/** One behind the other: the kernel takes them in one write. */
export function joined(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + aligned(length), 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += aligned(part.length);
  }
  return bytes;
}

/** A number of four bytes in host order, as a value. */
export function u32Value(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
}

/** Text with its NUL, as a value. */
export function textValue(text: string): Uint8Array {
  return encoder.encode(`${text}\0`);
}

/** Error number in an acknowledgement: 0 if it was done; `undefined` if the bytes are no acknowledgement. */
export function acknowledgedError(bytes: Uint8Array): number | undefined {
  const { size, nlmsg_type } = Struct.nlmsghdr;
  if (bytes.length < size + 4) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (view.getUint16(nlmsg_type, true) !== Abi.NLMSG_ERROR) return undefined;
  return 0 - view.getInt32(size, true);
}

function sizeOf(attributes: readonly NetlinkAttribute[]): number {
  let sum = 0;
  for (const [, value] of attributes)
    sum += aligned(Struct.nlattr.size + (value instanceof Uint8Array ? value.length : sizeOf(value)));
  return sum;
}

/** @returns where they end */
function putAttributes(
  attributes: readonly NetlinkAttribute[],
  bytes: Uint8Array,
  view: DataView,
  begin: number,
): number {
  const { size, nla_len, nla_type } = Struct.nlattr;
  let at = begin;
  for (const [type, value] of attributes) {
    const isNested = !(value instanceof Uint8Array);
    view.setUint16(at + nla_type, isNested ? type | NESTED : type, true);
    let end = at + size;
    if (isNested) end = putAttributes(value, bytes, view, end);
    else {
      bytes.set(value, end);
      end += value.length;
    }
    view.setUint16(at + nla_len, end - at, true);
    at += aligned(end - at);
  }
  return at;
}
