/** Where captured packets go, and what is counted on the way. */
import { hooks } from '../dataplane/hook.ts';
import type { PcapngSink } from '../capture/pcapng-merger.ts';
import type { PcapngInterface, PcapngPacket, PcapngStatistics } from '../capture/pcapng.ts';

/** A sink that writes: what it was given is out when {@link flush} resolves. */
export interface CaptureOutput extends PcapngSink {
  flush(): Promise<void>;
  /** Flushes, and ends. */
  close(): Promise<void>;
}

/** Whether packets of this interface may be datagrams with the packets of pods inside: all but those of hooks that show the latter. */
export function isOuter({ name }: PcapngInterface): boolean {
  const hook = name.slice(name.lastIndexOf('/') + 1);
  return !hooks.some((entry) => entry.name === hook && entry.shows === 'inner');
}

/** What came of a capture. */
export interface CaptureSummary {
  readonly packets: number;
  /** Packets that the capture itself had no room for. */
  readonly lost: number;
}

/** Counts, and ends after a number of packets. */
export class CountedOutput implements CaptureOutput {
  readonly #output: CaptureOutput;
  readonly #limit: number;
  readonly #onLimit: () => void;
  /** By interface. */
  readonly #lost = new Map<number, number>();
  #packets = 0;
  #flushed: Promise<void> = Promise.resolve();

  /** @param onLimit called once, with packet number `limit`; later ones are left out. */
  constructor(output: CaptureOutput, limit: number | undefined, onLimit: () => void) {
    this.#output = output;
    this.#limit = limit ?? Infinity;
    this.#onLimit = onLimit;
  }

  get summary(): CaptureSummary {
    const lost = [...this.#lost.values()].reduce((sum, one) => sum + one, 0);
    return { packets: this.#packets, lost };
  }

  interface(described: PcapngInterface): number {
    return this.#output.interface(described);
  }

  packet(packet: PcapngPacket): void {
    if (this.#packets >= this.#limit) return;
    this.#packets++;
    this.#output.packet(packet);
    this.#lost.set(packet.interfaceId, (this.#lost.get(packet.interfaceId) ?? 0) + (packet.lost ?? 0));
    if (this.#packets === this.#limit) this.#onLimit();
  }

  statistics(statistics: PcapngStatistics): void {
    // All that packets said, and what was lost after the last one.
    this.#lost.set(statistics.interfaceId, statistics.dropped);
    this.#output.statistics(statistics);
  }

  /** Writes one after the other: two at a time would mix. Once one has failed, all do. */
  async flush(): Promise<void> {
    this.#flushed = this.#flushed.then(async () => this.#output.flush());
    await this.#flushed;
  }

  async close(): Promise<void> {
    await this.#flushed;
    await this.#output.close();
  }
}
