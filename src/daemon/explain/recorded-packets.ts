/** What the flight recorders of the workers hold, looked through a little at a time: gossip must not wait for it. */
import { setImmediate } from 'node:timers/promises';
import { type FlightKind, type FlightRecord, flightCoverage, flightRecords } from '../../dataplane/flight-records.ts';
import type { FlightRecorderMemory } from '../../dataplane/flight-recorder.ts';
import { millisecondsOf } from '../../explain/flow-table.ts';
import { Turns } from '../remote/turns.ts';

/** Records that are looked at before others have their turn: two ms. */
const CHUNK = 500;

/** Looks at a time: each copies a ring as a whole. */
const LOOKS_AT_A_TIME = 2;

/** Since when nothing is missing: ISO 8601, both empty if nothing is recorded. */
export interface RecordedSpan {
  readonly packetsSince: string;
  readonly dropsSince: string;
}

export class RecordedPackets {
  readonly #recorder: FlightRecorderMemory | undefined;
  readonly #startedMs: number;
  readonly #turns = new Turns(LOOKS_AT_A_TIME);

  /** @param recorder `undefined` if nothing is recorded. @param startedMs since when it is, in ms since 1970. */
  constructor(recorder: FlightRecorderMemory | undefined, startedMs: number) {
    this.#recorder = recorder;
    this.#startedMs = startedMs;
  }

  /** How far back the records go at the moment. */
  span(): RecordedSpan {
    const memory = this.#recorder;
    if (memory === undefined) return { packetsSince: '', dropsSince: '' };
    const since = (kind: FlightKind): string => {
      const time = flightCoverage(memory, kind).since;
      return formatMs(time === undefined ? this.#startedMs : millisecondsOf(time) + clockOffsetMs());
    };
    return { packetsSince: since('packets'), dropsSince: since('drops') };
  }

  /**
   * Shows to `take` what was recorded from `fromMs` on, in ms since 1970, of each worker the newest first. Both times are wall-clock
   * time as it is now. Two look at a time; others wait.
   */
  async each(
    fromMs: number,
    take: (record: FlightRecord) => void,
    kinds: readonly FlightKind[] = ['packets', 'drops'],
  ): Promise<void> {
    const memory = this.#recorder;
    if (memory === undefined) return;
    await this.#turns.run(async () => look(memory, fromMs - clockOffsetMs(), take, kinds));
  }
}

async function look(
  memory: FlightRecorderMemory,
  endMs: number,
  take: (record: FlightRecord) => void,
  kinds: readonly FlightKind[],
): Promise<void> {
  for (const kind of kinds) {
    for (let worker = 0; worker < memory.workers; worker++) {
      let taken = 0;
      for (const record of flightRecords(memory, kind, worker)) {
        if (millisecondsOf(record) < endMs) break;
        take(record);
        if (++taken % CHUNK === 0) await setImmediate();
      }
      await setImmediate();
    }
  }
}

/** What to add to a time of the recorder, in ms, to get wall-clock time. */
export function clockOffsetMs(): number {
  return Date.now() - Number(process.hrtime.bigint() / 1_000n) / 1_000;
}

/** A time of the recorder in ms, as ISO 8601. */
export function formatMs(wallMs: number): string {
  return new Date(wallMs).toISOString();
}
