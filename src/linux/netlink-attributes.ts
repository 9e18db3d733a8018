/** Attributes of netlink messages (netlink(7); include/uapi/linux/netlink.h: struct nlattr). Pure. */
import { Struct } from './kernel-abi.ts';

/** Messages and attributes begin at multiples of this (NLMSG_ALIGNTO, NLA_ALIGNTO). */
const ALIGNMENT = 4;

/** Of the type of an attribute: the bits above say how its value is written (NLA_TYPE_MASK). */
const TYPE_MASK = 0x3f_ff;

/** Values by their types, up to the first attribute that is cut short. They are parts of `bytes`. */
export function attributesOf(bytes: Uint8Array): Map<number, Uint8Array> {
  const attributes = new Map<number, Uint8Array>();
  const { size, nla_len: lengthAt, nla_type: typeAt } = Struct.nlattr;
  const u16 = (at: number): number => bytes[at]! | (bytes[at + 1]! << 8);
  for (let at = 0; at + size <= bytes.length;) {
    const length = u16(at + lengthAt);
    if (length < size || at + length > bytes.length) break;
    attributes.set(u16(at + typeAt) & TYPE_MASK, bytes.subarray(at + size, at + length));
    at += aligned(length);
  }
  return attributes;
}

/** Bytes from the beginning of a message or an attribute of so many bytes to that of the next. */
export function aligned(length: number): number {
  return (length + ALIGNMENT - 1) & -ALIGNMENT;
}

/** Text of an attribute up to its NUL; empty where there is none. */
export function textOf(value: Uint8Array | undefined): string {
  return new TextDecoder().decode(value ?? new Uint8Array()).replace(/\0.*$/s, '');
}
