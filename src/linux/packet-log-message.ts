/**
 * Packets that rules of the firewall log, as the kernel tells them (include/uapi/linux/netfilter/nfnetlink_log.h). Pure.
 *
 *     nlmsghdr, nfgenmsg, attributes: NFULA_*, numbers in network order
 *
 * A group has at most one listener in a network namespace.
 */
import { readU32, writeU16, writeU32 } from '../wire/octets.ts';
import { Abi, Struct } from './kernel-abi.ts';
import { aligned, attributesOf, textOf } from './netlink-attributes.ts';
import { encodeMessage } from './netlink-message.ts';

/** One packet. */
export interface LoggedPacket {
  /** What the rule calls itself. */
  readonly prefix: string;
  /** The IP packet, cut to what is copied. A part of what was parsed. */
  readonly packet: Uint8Array;
  /** When, in ns since 1970; `undefined`: the kernel does not say. */
  readonly timeNs: bigint | undefined;
  /** Of this listener: the next packet has the next one, modulo 2^32; `undefined`: the kernel does not say. */
  readonly sequence: number | undefined;
}

/** What a listener wants. */
export interface PacketLogWish {
  readonly group: number;
  /** Of each packet. */
  readonly copiedBytes: number;
  /** How long the kernel may collect packets before it tells them, in ms. */
  readonly delayMs: number;
}

const SUBSYSTEM = Abi.NFNL_SUBSYS_ULOG << 8;
const PACKET = SUBSYSTEM | Abi.NFULNL_MSG_PACKET;

/** The kernel counts delays in hundredths of a second. */
const MS_PER_TICK = 10;
const NS_PER_SECOND = 1_000_000_000n;
const NS_PER_US = 1_000n;

/** Has the sender listen to a group. Is acknowledged: EBUSY or EPERM if somebody else does. */
export function listenMessage(wish: PacketLogWish): Uint8Array {
  const command = new Uint8Array(Struct.nfulnl_msg_config_cmd.size);
  command[Struct.nfulnl_msg_config_cmd.command] = Abi.NFULNL_CFG_CMD_BIND;
  return configMessage(wish, [[Abi.NFULA_CFG_CMD, command]]);
}

/** How the kernel is to tell packets of a group, to who listens to it. */
export function tellMessage(wish: PacketLogWish): Uint8Array {
  const mode = new Uint8Array(Struct.nfulnl_msg_config_mode.size);
  writeU32(mode, Struct.nfulnl_msg_config_mode.copy_range, wish.copiedBytes);
  mode[Struct.nfulnl_msg_config_mode.copy_mode] = Abi.NFULNL_COPY_PACKET;
  const timeout = new Uint8Array(4);
  writeU32(timeout, 0, Math.ceil(wish.delayMs / MS_PER_TICK));
  const flags = new Uint8Array(2);
  writeU16(flags, 0, Abi.NFULNL_CFG_F_SEQ);
  return configMessage(wish, [
    [Abi.NFULA_CFG_MODE, mode],
    [Abi.NFULA_CFG_TIMEOUT, timeout],
    [Abi.NFULA_CFG_FLAGS, flags],
  ]);
}

function configMessage({ group }: PacketLogWish, attributes: readonly (readonly [number, Uint8Array])[]): Uint8Array {
  const generic = new Uint8Array(Struct.nfgenmsg.size);
  writeU16(generic, Struct.nfgenmsg.res_id, group);
  return encodeMessage({ type: SUBSYSTEM | Abi.NFULNL_MSG_CONFIG, flags: Abi.NLM_F_ACK }, generic, attributes);
}

/** Packets in the first `lengthBytes` of `bytes`, messages about something else left out. */
export function parseLoggedPackets(bytes: Uint8Array, lengthBytes: number): LoggedPacket[] {
  const packets: LoggedPacket[] = [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, lengthBytes);
  const { size, nlmsg_len, nlmsg_type } = Struct.nlmsghdr;
  for (let at = 0; at + size <= lengthBytes;) {
    const length = view.getUint32(at + nlmsg_len, true);
    if (length < size || at + length > lengthBytes) break;
    const isPacket = view.getUint16(at + nlmsg_type, true) === PACKET && length >= size + Struct.nfgenmsg.size;
    if (isPacket) packets.push(packetOf(bytes.subarray(at + size + Struct.nfgenmsg.size, at + length)));
    at += aligned(length);
  }
  return packets;
}

function packetOf(bytes: Uint8Array): LoggedPacket {
  const attributes = attributesOf(bytes);
  const sequence = attributes.get(Abi.NFULA_SEQ);
  return {
    prefix: textOf(attributes.get(Abi.NFULA_PREFIX)),
    packet: attributes.get(Abi.NFULA_PAYLOAD) ?? new Uint8Array(),
    timeNs: timeOf(attributes.get(Abi.NFULA_TIMESTAMP)),
    sequence: sequence?.length === 4 ? readU32(sequence, 0) : undefined,
  };
}

function timeOf(value: Uint8Array | undefined): bigint | undefined {
  const { size, sec, usec } = Struct.nfulnl_msg_packet_timestamp;
  if (value?.length !== size) return undefined;
  const view = new DataView(value.buffer, value.byteOffset, size);
  return view.getBigUint64(sec) * NS_PER_SECOND + view.getBigUint64(usec) * NS_PER_US;
}
