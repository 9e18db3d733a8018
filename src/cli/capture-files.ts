/** Captured packets as pcapng: into a file, into several of a limited size, or to standard output. */
import { constants, open, rm, type FileHandle } from 'node:fs/promises';
import { arch, release, type } from 'node:os';
import { once } from 'node:events';
import { extname } from 'node:path';
import type { PcapngInterface, PcapngPacket, PcapngStatistics } from '../capture/pcapng.ts';
import { endsOfPacket } from '../capture/packet-summary.ts';
import { PcapngWriter } from '../capture/pcapng-writer.ts';
import { readVersion } from '../daemon/process/version.ts';
import { WeftError } from '../errors.ts';
import { parseIpAddress } from '../wire/address.ts';
import { isOuter, type CaptureOutput } from './capture-output.ts';
import { PodNames } from './pod-names.ts';

/** When to begin another file. */
export interface Rotation {
  readonly sizeBytes: number;
  /** Files to keep; the oldest goes first. Absent: all. */
  readonly files?: number;
}

/** What is to be written, and to which of the files, from 0. */
interface Piece {
  readonly file: number;
  readonly bytes: Uint8Array;
}

/** Name of standard output. */
const STANDARD_OUTPUT = '-';

export class CaptureFiles implements CaptureOutput {
  readonly #path: string;
  readonly #rotation: Rotation | undefined;
  readonly #names: PodNames;
  /** Addresses whose names are in the file that is written into now. */
  readonly #named = new Set<string>();
  readonly #interfaces: PcapngInterface[] = [];
  readonly #pieces: Piece[] = [];
  #writer = newWriter();
  /** Number of the file that is written into now, and how much of it was taken from the writer. */
  #file = 0;
  #takenBytes = 0;
  #handle: { readonly file: number; readonly handle: FileHandle; isBegun: boolean } | undefined;

  /**
   * @param path a file, or {@link STANDARD_OUTPUT}.
   * @param names of addresses: of those that packets have, the file says them.
   */
  constructor(path: string, rotation?: Rotation, names = new PodNames()) {
    this.#path = path;
    this.#rotation = rotation;
    this.#names = names;
  }

  /** Has the first file open before anything is captured. What it holds stays until something is written. @throws WeftError `usage` */
  async open(): Promise<void> {
    if (this.#path !== STANDARD_OUTPUT) await this.#open(0);
  }

  interface(described: PcapngInterface): number {
    this.#interfaces.push(described);
    return this.#writer.interface(described);
  }

  packet(packet: PcapngPacket): void {
    this.#rotateIfFull();
    this.#writeNames(packet);
    this.#writer.packet(packet);
  }

  statistics(statistics: PcapngStatistics): void {
    this.#writer.statistics(statistics);
  }

  async flush(): Promise<void> {
    this.#take();
    try {
      for (let piece = this.#pieces.shift(); piece !== undefined; piece = this.#pieces.shift())
        await this.#write(piece);
    } catch (error) {
      await this.#shut();
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.flush();
    await this.#shut();
  }

  async #shut(): Promise<void> {
    const handle = this.#handle?.handle;
    this.#handle = undefined;
    await handle?.close();
  }

  #writeNames({ bytes, interfaceId }: PcapngPacket): void {
    for (const address of endsOfPacket(bytes, isOuter(this.#interfaces[interfaceId]!)) ?? []) {
      const name = this.#named.has(address) ? undefined : this.#names.of(address);
      if (name === undefined) continue;
      this.#named.add(address);
      this.#writer.names([{ address: parseIpAddress(address)!, name }]);
    }
  }

  #rotateIfFull(): void {
    const size = this.#takenBytes + this.#writer.pendingBytes;
    if (this.#rotation === undefined || size < this.#rotation.sizeBytes) return;
    this.#take();
    this.#file++;
    this.#takenBytes = 0;
    this.#named.clear();
    this.#writer = newWriter();
    for (const described of this.#interfaces) this.#writer.interface(described);
  }

  #take(): void {
    if (this.#writer.pendingBytes === 0) return;
    const bytes = this.#writer.take();
    this.#takenBytes += bytes.length;
    this.#pieces.push({ file: this.#file, bytes });
  }

  async #write({ file, bytes }: Piece): Promise<void> {
    if (this.#path === STANDARD_OUTPUT) {
      if (!process.stdout.write(bytes)) await once(process.stdout, 'drain');
      return;
    }
    if (this.#handle?.file !== file) {
      await this.#open(file);
      const { files = Infinity } = this.#rotation ?? {};
      if (file >= files) await rm(this.#pathOf(file - files), { force: true });
    }
    await this.#append(bytes);
  }

  async #open(file: number): Promise<void> {
    await this.#shut();
    this.#handle = { file, handle: await create(this.#pathOf(file)), isBegun: false };
  }

  async #append(bytes: Uint8Array): Promise<void> {
    const opened = this.#handle!;
    await orRefuse(this.#pathOf(opened.file), async () => {
      if (!opened.isBegun) await empty(opened.handle);
      opened.isBegun = true;
      await opened.handle.writeFile(bytes);
    });
  }

  /** `x.pcapng`; with rotation `x.1.pcapng` and so on. */
  #pathOf(file: number): string {
    if (this.#rotation === undefined) return this.#path;
    const extension = extname(this.#path);
    return `${this.#path.slice(0, this.#path.length - extension.length)}.${file + 1}${extension}`;
  }
}

function newWriter(): PcapngWriter {
  const section = { hardware: arch(), os: `${type()} ${release()}`, application: `weft ${readVersion().version}` };
  return new PcapngWriter(section, new TextEncoder());
}

/** Packets are not for everybody to read. */
async function create(path: string): Promise<FileHandle> {
  return await orRefuse(path, async () => open(path, constants.O_WRONLY | constants.O_CREAT, 0o600));
}

/** A pipe, or a device, has no length. */
async function empty(handle: FileHandle): Promise<void> {
  if ((await handle.stat()).isFile()) await handle.truncate();
}

/** @throws WeftError `usage` */
async function orRefuse<Result>(path: string, task: () => Promise<Result>): Promise<Result> {
  try {
    return await task();
  } catch (error) {
    throw new WeftError('usage', `cannot write ${path}: ${(error as Error).message}`, { path });
  }
}
