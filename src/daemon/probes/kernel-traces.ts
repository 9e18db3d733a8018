/**
 * Has the kernel say what it does with packets of traces: a table of ours marks them, and a socket hears what is said of them.
 *
 * The table is there while somebody traces. One that a killed daemon left marks packets that nobody sends any more; it goes when the next
 * daemon starts, and with `weft reset`.
 */
import type { Logger } from '../../env/logger.ts';
import { WeftError } from '../../errors.ts';
import type { Ruleset } from '../../firewall/ruleset.ts';
import type { NftTraceEvent } from '../../linux/nft-trace-message.ts';
import type { NftTraceSocket } from '../../linux/nft-trace-socket.ts';
import { kernelSightings, needsRules } from './kernel-sightings.ts';
import type { KernelSighting } from '../../api/trace-api.ts';
import type { TracedPacket } from './trace-probe.ts';
import { renderTraceRules, type RuledTrace } from './trace-rules.ts';

export interface KernelTracesOptions {
  /** Replaces the table by one with these chains; `undefined`: removes it. @throws WeftError */
  readonly setRules: (chains: string | undefined) => Promise<void>;
  /** @throws WeftError */
  readonly listen: () => Pick<NftTraceSocket, 'read' | 'close' | 'overran'>;
  readonly readRuleset: () => Promise<Ruleset>;
  /** Whether there are rules of iptables before nftables, of which the kernel does not say what they do. */
  readonly hasLegacyTables: () => boolean;
  readonly logger: Logger;
}

/** What the kernel said. */
export interface KernelSeen {
  readonly kernel: readonly KernelSighting[];
  /** Empty, or why something may be missing. */
  readonly kernelProblem: string;
}

interface Listening extends RuledTrace {
  readonly socket: Pick<NftTraceSocket, 'read' | 'close' | 'overran'>;
}

const NOTHING: KernelSeen = { kernel: [], kernelProblem: '' };

export class KernelTraces {
  readonly #options: KernelTracesOptions;
  readonly #listening = new Map<number, Listening>();
  readonly #problems = new Map<number, string>();
  #last: Promise<void> = Promise.resolve();

  constructor(options: KernelTracesOptions) {
    this.#options = options;
  }

  /** Removes what an earlier daemon left. */
  async start(): Promise<void> {
    await this.#update();
  }

  /** Listens for packets of a trace, if that is possible. Never rejects. */
  async begin(id: number, traced: TracedPacket, count: number): Promise<void> {
    try {
      this.#listening.set(id, { id, traced, count, socket: this.#options.listen() });
      await this.#update();
    } catch (error) {
      if (!(error instanceof WeftError)) throw error;
      this.#problems.set(id, firstLine(error.message));
      this.#forget(id);
    }
  }

  /** Ends it, and tells what was said. Never rejects. */
  async end(id: number): Promise<KernelSeen> {
    const problem = this.#problems.get(id);
    this.#problems.delete(id);
    const listening = this.#listening.get(id);
    if (listening === undefined) return problem === undefined ? NOTHING : { kernel: [], kernelProblem: problem };
    let events: NftTraceEvent[] = [];
    let failed = '';
    try {
      events = listening.socket.read();
    } catch (error) {
      failed = firstLine((error as Error).message);
    }
    const { overran } = listening.socket;
    this.#forget(id);
    void this.#update().catch((error: unknown) =>
      this.#options.logger.warn({ error: String(error) }, 'rules of a trace stay'),
    );
    if (failed !== '') return { kernel: [], kernelProblem: failed };
    try {
      const ruleset = needsRules(events) ? await this.#options.readRuleset() : { chains: [] };
      const kernel = kernelSightings(id, events, ruleset);
      const legacy = this.#options.hasLegacyTables()
        ? 'rules of iptables-legacy are not traced: weft doctor judges them'
        : '';
      return { kernel, kernelProblem: overran ? 'it said more than there was room for' : legacy };
    } catch (error) {
      if (!(error instanceof WeftError)) throw error;
      return { kernel: [], kernelProblem: firstLine(error.message) };
    }
  }

  /** Ends everything. */
  async close(): Promise<void> {
    if (this.#listening.size === 0) return this.#last;
    for (const id of this.#listening.keys()) this.#forget(id);
    await this.#update();
  }

  #forget(id: number): void {
    this.#listening.get(id)?.socket.close();
    this.#listening.delete(id);
  }

  /** One change after the other, each to what is wanted by then. */
  async #update(): Promise<void> {
    const { setRules } = this.#options;
    const before = this.#last;
    const turn = (async () => {
      await before;
      const traces = [...this.#listening.values()];
      await setRules(traces.length === 0 ? undefined : renderTraceRules(traces));
    })();
    this.#last = turn.catch(() => undefined);
    await turn;
  }
}

/** What `nft` says is as long as what it was given. */
function firstLine(text: string): string {
  return text.split('\n')[0]!;
}
