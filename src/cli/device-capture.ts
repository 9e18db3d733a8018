/** Packets of a device of the kernel: `weft capture --iface`. In this process and not in a daemon, see `linux/device-tap.ts`. */
import { type } from 'node:os';
import { DeviceTap } from '../linux/device-tap.ts';
import { realtimeNs } from '../linux/clock.ts';
import { CountedOutput, type CaptureOutput, type CaptureSummary } from './capture-output.ts';

export interface DeviceCaptureOptions {
  readonly device: string;
  /** In the language of libpcap, for packets as they are on the device. */
  readonly filter: string;
  readonly snaplenBytes: number | undefined;
  readonly count: number | undefined;
  readonly forMs: number | undefined;
  readonly output: CaptureOutput;
  readonly say: (text: string) => void;
}

/** How often to write what was captured, in ms. */
const FLUSH_MS = 100;
const NS_PER_SECOND = 1_000_000_000n;

/** What a reader of the file should know. */
const DESCRIPTION =
  'a device of the kernel, not a hook of weft; time stamps are of when weft read a packet, some time after it passed; ' +
  'packets are shown before the device segments them and completes their checksums';

export class DeviceCapture {
  readonly #options: DeviceCaptureOptions;
  readonly #ended = Promise.withResolvers<void>();

  constructor(options: DeviceCaptureOptions) {
    this.#options = options;
  }

  /** Runs to its end. @throws as `DeviceTap` */
  async run(): Promise<CaptureSummary> {
    const { device, filter, forMs, count, say, snaplenBytes = 0 } = this.#options;
    const output = new CountedOutput(this.#options.output, count, () => this.end());
    let interfaceId = 0;
    const tap = new DeviceTap(device, filter, (bytes) => {
      const kept = snaplenBytes === 0 ? bytes : bytes.subarray(0, snaplenBytes);
      output.packet({ interfaceId, ...now(), bytes: kept, lengthBytes: bytes.length });
    });
    interfaceId = output.interface({
      name: device,
      description: DESCRIPTION,
      os: type(),
      linkType: tap.linkType,
      snaplenBytes,
      filter,
    });
    say(`capturing on ${device}; Ctrl-C ends it\n`);
    const flushing = setInterval(() => void output.flush().catch(() => this.end()), FLUSH_MS);
    const timer = forMs === undefined ? undefined : setTimeout(() => this.end(), forMs);
    await this.#ended.promise;
    tap.close();
    clearInterval(flushing);
    clearTimeout(timer);
    await output.close();
    return output.summary;
  }

  end(): void {
    this.#ended.resolve();
  }
}

function now(): { seconds: number; nanoseconds: number } {
  const ns = realtimeNs();
  return { seconds: Number(ns / NS_PER_SECOND), nanoseconds: Number(ns % NS_PER_SECOND) };
}
