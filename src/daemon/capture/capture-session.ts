/**
 * One capture: records out of the rings of all workers become packets of a pcapng stream.
 *
 *     running ──count, time, size, asked, closed──> ended
 *
 * When the reader of the stream is slow, rings fill up and workers lose records: never packets.
 */
import { TappedPackets } from '../../capture/tapped-packets.ts';
import { TapHeader } from '../../capture/tap-reader.ts';
import { TapRingReader } from '../../dataplane/tap-ring.ts';
import { CaptureChoice } from './capture-choice.ts';
import { CaptureFile } from './capture-file.ts';
import type { CaptureEnd, CapturePlan, CaptureTotals } from './capture-messages.ts';
import type { CaptureNames } from './capture-names.ts';
import { CaptureQueue } from './capture-queue.ts';

export interface CaptureSessionOptions {
  readonly plan: CapturePlan;
  readonly nodeName: string;
  /** Of weft. */
  readonly version: string;
  readonly names: CaptureNames;
  /** Called once. */
  readonly onEnd: (end: CaptureEnd, totals: CaptureTotals) => void;
}

/** Records of a ring that are taken at a time: others want their turn. */
const BATCH_RECORDS = 256;
/** What is still taken out of the rings at the end, also if nobody has read what was written before. */
const LAST_BYTES = 16_777_216;
/** And how often: workers go on filling them, maybe faster than they are emptied. More than a ring has records. */
const LAST_DRAINS = 512;

interface WorkerRing {
  readonly reader: TapRingReader;
  /** What its records said that was lost, so far. */
  lost: number;
}

export class CaptureSession {
  /** What was written. */
  readonly queue: CaptureQueue;
  readonly #options: CaptureSessionOptions;
  readonly #choice: CaptureChoice;
  readonly #file: CaptureFile;
  readonly #rings: readonly WorkerRing[];
  readonly #header = new TapHeader();
  readonly #packets = new TappedPackets();
  readonly #timer: NodeJS.Timeout | undefined;
  #aheadNs = 0n;
  #isEnding = false;
  #isEnded = false;

  /** @throws WeftError `filter-invalid` */
  constructor(options: CaptureSessionOptions) {
    const { plan, names } = options;
    this.#options = options;
    this.#choice = new CaptureChoice(plan, names);
    this.#rings = plan.rings.map((memory) => ({ reader: new TapRingReader(memory), lost: 0 }));
    this.queue = new CaptureQueue(() => this.#finish('closed'));
    this.#file = new CaptureFile({ ...options, write: (bytes) => this.queue.write(bytes) });
    const { seconds } = plan.spec;
    if (seconds !== undefined) this.#timer = setTimeout(() => this.end('time'), seconds * 1_000);
  }

  /**
   * Takes some records out of the rings. True if there is more to do at once.
   *
   * @param aheadNs how much CLOCK_REALTIME is ahead of CLOCK_MONOTONIC.
   */
  drain(aheadNs: bigint): boolean {
    this.#aheadNs = aheadNs;
    let isBusy = false;
    for (const ring of this.#rings) isBusy = this.#drainRing(ring) || isBusy;
    this.#file.flush();
    this.queue.flush();
    return isBusy;
  }

  /** Has `onWake` called when there is something to drain, or it has ended. False if there is something already. */
  sleep(onWake: () => void): boolean {
    let isAsleep = true;
    for (const { reader } of this.#rings) isAsleep = reader.sleep(onWake) && isAsleep;
    return isAsleep;
  }

  /** Ends it with what is in the rings by now. */
  end(end: CaptureEnd): void {
    const { bytes } = this.#file;
    this.#isEnding = true;
    for (let drains = 0; drains < LAST_DRAINS && this.#file.bytes - bytes < LAST_BYTES; drains++) {
      if (!this.drain(this.#aheadNs)) break;
    }
    this.#finish(end);
  }

  #drainRing(ring: WorkerRing): boolean {
    for (let taken = 0; taken < BATCH_RECORDS; taken++) {
      if (this.#isEnded || (!this.queue.hasRoom && !this.#isEnding)) return false;
      const record = ring.reader.peek();
      if (record === undefined) return false;
      this.#take(ring, record.bytes, record.at);
      ring.reader.advance();
    }
    return true;
  }

  #take(ring: WorkerRing, bytes: Uint8Array, at: number): void {
    const header = this.#header;
    const packets = this.#packets;
    const { spec, maxBytes = Infinity } = this.#options.plan;
    header.read(bytes, at);
    const lost = (header.lost - ring.lost) >>> 0;
    ring.lost = header.lost;
    this.#file.lose(header.hook, lost);
    packets.begin(bytes, header);
    while (packets.next()) {
      if (!this.#choice.wants(header, bytes, packets)) continue;
      this.#file.add(header, bytes, packets, this.#aheadNs);
      if (this.#file.packets === spec.count) return this.#finish('count');
      if (this.#file.bytes >= maxBytes) return this.#finish('size');
    }
  }

  #finish(end: CaptureEnd): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    clearTimeout(this.#timer);
    for (const ring of this.#rings) this.#file.lose(undefined, (ring.reader.lost - ring.lost) >>> 0);
    this.#file.finish(this.#aheadNs);
    this.queue.end();
    for (const { reader } of this.#rings) reader.wake();
    const { packets, lost, bytes } = this.#file;
    this.#options.onEnd(end, { packets, lost, bytes });
  }
}
