/** What the flight recorders of the workers hold, and what was recorded of packets that policies deny, looked through a little at a time: gossip must not wait for it. */
import { setImmediate } from 'node:timers/promises';
import { type FlightKind, flightCoverage, flightRecords } from '../../dataplane/flight-records.ts';
import type { FlightRecorderMemory } from '../../dataplane/flight-recorder.ts';
import { millisecondsOf } from '../../explain/flow-table.ts';
import type { RecordedPacket } from '../../explain/recorded-packet.ts';
import { Turns } from '../remote/turns.ts';
import type { MomentWindow } from './moment-window.ts';
import type { DenialKind, RecordedDenials } from './recorded-denials.ts';

/** Records that are looked at before others have their turn: two ms. */
const CHUNK = 500;

/** Looks at a time: each copies a ring as a whole. */
const LOOKS_AT_A_TIME = 2;

/** Kinds of records; drops are those of workers, and what policies deny. */
export type RecordedKind = FlightKind | DenialKind;

/** Since when nothing of workers is missing: ISO 8601, both empty if nothing is recorded. */
export interface RecordedSpan {
  readonly packetsSince: string;
  readonly dropsSince: string;
}

export class RecordedPackets {
  readonly #recorder: FlightRecorderMemory | undefined;
  readonly #startedMs: number;
  readonly #denials: Pick<RecordedDenials, 'list'> | undefined;
  readonly #turns = new Turns(LOOKS_AT_A_TIME);

  /** @param recorder `undefined` if nothing is recorded. @param startedMs since when it is, in ms since 1970. */
  constructor(recorder: FlightRecorderMemory | undefined, startedMs: number, denials?: Pick<RecordedDenials, 'list'>) {
    this.#denials = denials;
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
   * Shows to `take` what was recorded in this window, whose end is not in it: of each worker the newest first. It is in wall-clock time as it
   * is now. Two look at a time; others wait.
   */
  async each(
    { fromMs, toMs }: MomentWindow,
    take: (record: RecordedPacket) => void,
    kinds: readonly RecordedKind[] = ['packets', 'drops'],
  ): Promise<void> {
    const memory = this.#recorder;
    if (memory === undefined) return;
    await this.#turns.run(async () => {
      const offsetMs = clockOffsetMs();
      const window = { fromMs: fromMs - offsetMs, toMs: toMs - offsetMs };
      for (const kind of kinds) {
        if (kind !== 'audits') await look(memory, window, take, kind);
        if (kind !== 'packets') await lookAt(this.#denials?.list(kind, window) ?? [], take);
      }
    });
  }
}

async function look(
  memory: FlightRecorderMemory,
  { fromMs, toMs }: MomentWindow,
  take: (record: RecordedPacket) => void,
  kind: FlightKind,
): Promise<void> {
  for (let worker = 0; worker < memory.workers; worker++) {
    let seen = 0;
    for (const record of flightRecords(memory, kind, worker)) {
      const timeMs = millisecondsOf(record);
      if (timeMs < fromMs) break;
      if (timeMs < toMs) take(record);
      if (++seen % CHUNK === 0) await setImmediate();
    }
    await setImmediate();
  }
}

async function lookAt(records: readonly RecordedPacket[], take: (record: RecordedPacket) => void): Promise<void> {
  for (const [index, record] of records.entries()) {
    take(record);
    if ((index + 1) % CHUNK === 0) await setImmediate();
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
