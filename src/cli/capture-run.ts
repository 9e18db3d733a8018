/** Captures of several nodes at a time, made into one, until they end or somebody ends them. */
import { PcapngMerger, type StreamClock } from '../capture/pcapng-merger.ts';
import type { CaptureSpec } from '../api/capture-api.ts';
import { WeftError } from '../errors.ts';
import type { CaptureClient, OpenCapture } from '../client/capture-client.ts';
import { CountedOutput, type CaptureOutput, type CaptureSummary } from './capture-output.ts';
import { SteadyTime } from './steady-time.ts';

export interface CaptureRunOptions {
  readonly client: CaptureClient;
  /** For each of the nodes; without `node`. */
  readonly spec: CaptureSpec;
  /** `undefined`: the node of the daemon that is asked. */
  readonly nodes: readonly (string | undefined)[];
  /** Whether to go on without a node that cannot be captured. */
  readonly mayMiss: boolean;
  readonly output: CaptureOutput;
  /** Tells a person something beside the packets. */
  readonly say: (text: string) => void;
}

/** How often what waits is looked at when no packets come, in ms. */
const ADVANCE_MS = 250;
/** A capture may be over so much before its time: clocks of timers differ. */
const TIME_TOLERANCE_MS = 500;

export class CaptureRun {
  readonly #options: CaptureRunOptions;
  readonly #output: CountedOutput;
  readonly #merger: PcapngMerger;
  readonly #time = new SteadyTime();
  #captures: readonly OpenCapture[] = [];
  #isEnding = false;
  /** When nodes were asked: captures begin after that. */
  #askedMs = 0;

  constructor(options: CaptureRunOptions) {
    this.#options = options;
    this.#output = new CountedOutput(options.output, options.spec.count, () => this.end());
    this.#merger = new PcapngMerger({ sink: this.#output, decoder: new TextDecoder() });
  }

  /** Runs it to its end. */
  async run(): Promise<CaptureSummary> {
    this.#askedMs = performance.now();
    this.#captures = await this.#open();
    const names = this.#captures.map(({ head }) => head.node);
    this.#options.say(`capturing on ${names.join(', ')}; Ctrl-C ends it\n`);
    if (this.#isEnding) this.#endAll();
    const timer = setInterval(() => this.#advance(), ADVANCE_MS);
    try {
      // All of them are added before one may end: the end of the last one ends it all.
      const pumps = this.#captures.map((capture) => ({ capture, stream: this.#merger.add(this.#clockOf(capture)) }));
      await Promise.all(pumps.map(async ({ capture, stream }) => this.#pump(capture, stream)));
    } finally {
      clearInterval(timer);
      for (const capture of this.#captures) capture.close();
    }
    await this.#output.close();
    return this.#output.summary;
  }

  /** Ends it in order. */
  end(): void {
    if (this.#isEnding) return;
    this.#isEnding = true;
    this.#endAll();
  }

  async #open(): Promise<readonly OpenCapture[]> {
    const { client, spec, nodes, mayMiss, say } = this.#options;
    const outcomes = await Promise.allSettled(
      nodes.map(async (node) => client.open({ ...spec, ...(node !== undefined && { node }) })),
    );
    const opened = outcomes.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    const refused = outcomes.flatMap((one, index) =>
      one.status === 'rejected' ? [{ node: nodes[index], error: one.reason as Error }] : [],
    );
    const [first] = refused;
    if (first === undefined) return opened;
    if (!mayMiss || opened.length === 0 || !(first.error instanceof WeftError)) {
      for (const capture of opened) capture.close();
      throw first.error;
    }
    for (const { node, error } of refused) say(`weft: without ${node}: ${error.message}\n`);
    return opened;
  }

  async #pump(capture: OpenCapture, stream: number): Promise<void> {
    try {
      for await (const chunk of capture.chunks) {
        this.#merger.push(stream, chunk);
        await this.#flush();
      }
      this.#tellIfEarly(capture);
    } catch (error) {
      if (!(error instanceof WeftError) || this.#captures.length === 1) throw error;
      this.#options.say(`weft: ${error.message}\n`);
    }
    this.#merger.end(stream);
  }

  /** Says so if a capture ended in order, but nobody here wanted it to. */
  #tellIfEarly({ head: { node } }: OpenCapture): void {
    const { count, seconds = Infinity } = this.#options.spec;
    const isTime = performance.now() - this.#askedMs > seconds * 1_000 - TIME_TOLERANCE_MS;
    if (this.#isEnding || count !== undefined || isTime) return;
    const why = 'its daemon was stopped, or capture.remoteSize was reached';
    this.#options.say(
      `weft: ${node} ended its capture early: ${why}; on ${node}, "weft events --kind capture" says which\n`,
    );
  }

  #advance(): void {
    const nowMs = this.#time.nowMs();
    this.#merger.advance({ seconds: Math.floor(nowMs / 1_000), nanoseconds: (nowMs % 1_000) * 1_000_000 });
    void this.#flush();
  }

  /** Never rejects: what failed is said in the end, once, and not as if a node had failed. */
  async #flush(): Promise<void> {
    await this.#output.flush().catch(() => this.end());
  }

  #endAll(): void {
    for (const capture of this.#captures) {
      capture.end().catch((error: unknown) => {
        this.#options.say(`weft: ${capture.head.node}: ${(error as Error).message}\n`);
      });
    }
  }

  /** Of a file of this node alone there is nothing to say. */
  #clockOf({ head: { clockOffsetNs, clockUncertaintyNs } }: OpenCapture): StreamClock | undefined {
    if (this.#captures.length === 1 && clockUncertaintyNs === 0) return undefined;
    return { offsetNs: clockOffsetNs, uncertaintyNs: clockUncertaintyNs };
  }
}
