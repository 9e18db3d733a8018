/**
 * Packets of a network device, through libpcap by the package `cap`, which is not on every machine: it needs a compiler and
 * libpcap's headers when it is installed.
 *
 * For the main thread of a short-lived process only: it crashes in others. It tells neither the kernel's time stamps nor the length
 * that a packet had before it was cut; and it writes into its buffer for as long as it runs, so that has to stay.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { RequirementError, WeftError } from '../errors.ts';

/** What of `cap` is used here. */
interface Cap {
  open(device: string, filter: string, bufferBytes: number, buffer: Buffer): string;
  on(event: 'packet', listener: (lengthBytes: number, isCut: boolean) => void): void;
  close(): void;
}
interface CapPackage {
  readonly Cap: new () => Cap;
}

/** Of the kernel, for packets that nobody read yet. */
const KERNEL_BUFFER_BYTES = 33_554_432;
/** Longest packet, which is what `cap` has libpcap give. */
const MAX_PACKET_BYTES = 65_535;

/** Of libpcap, beside those of the kernel. */
const EVERY_DEVICE = 'any';

/** What packets of a device begin with, as `cap` names it, and its number in a file (tcpdump.org/linktypes.html). */
const linkTypes: Readonly<Record<string, number>> = { NULL: 0, ETHERNET: 1, RAW: 101, LINKTYPE_LINUX_SLL: 113 };

export class DeviceTap {
  /** Number of a link type. */
  readonly linkType: number;
  readonly #cap: Cap;
  readonly #buffer = Buffer.alloc(MAX_PACKET_BYTES);

  /**
   * @param filter in the language of libpcap; empty: all packets.
   * @param onPacket its bytes are valid during the call.
   * @throws RequirementError `cap-missing`; WeftError `device-capture-failed`
   */
  constructor(device: string, filter: string, onPacket: (bytes: Uint8Array) => void) {
    const { Cap } = loadPackage();
    // Beforehand: libpcap says it on standard error, too.
    if (!isDevice(device)) {
      const message = `cannot capture on ${device}: there is no such device; "ip link" shows which there are`;
      throw new WeftError('device-capture-failed', message, { device });
    }
    this.#cap = new Cap();
    let linkName: string;
    try {
      linkName = this.#cap.open(device, filter, KERNEL_BUFFER_BYTES, this.#buffer);
    } catch (error) {
      const message = `cannot capture on ${device}: ${(error as Error).message}`;
      throw new WeftError('device-capture-failed', message, { device }, error);
    }
    const linkType = linkTypes[linkName];
    if (linkType === undefined) {
      this.#cap.close();
      throw new WeftError('device-capture-failed', `cannot capture on ${device}: ${linkName}`, { device });
    }
    this.linkType = linkType;
    this.#cap.on('packet', (lengthBytes) => onPacket(this.#buffer.subarray(0, lengthBytes)));
  }

  close(): void {
    this.#cap.close();
  }
}

/** By this process's network namespace, which `/sys` may not show. */
function isDevice(name: string): boolean {
  if (name === EVERY_DEVICE) return true;
  const lines = readFileSync('/proc/thread-self/net/dev', 'utf8').split('\n').slice(2);
  return lines.some((line) => line.slice(0, line.lastIndexOf(':')).trim() === name);
}

function loadPackage(): CapPackage {
  try {
    return createRequire(import.meta.url)('cap') as CapPackage;
  } catch (error) {
    const how = 'install weft where a C++ compiler, make, python3 and the headers of libpcap (libpcap-dev) are';
    throw new RequirementError('cap-missing', `the package cap is not built here: ${how}`, {}, error);
  }
}
