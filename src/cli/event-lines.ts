/** Events as lines of text. Pure, but for the day that was printed last. */
import type { HistoryEvent } from '../api/control-api.ts';
import { eventKinds, type EventKind } from '../api/event-kind.ts';
import { wrap } from '../terminal/table.ts';
import { bold, warning, type Terminal } from '../terminal/terminal.ts';

const GAP = '  ';
const KIND_COLUMNS = Math.max(...eventKinds.map((kind) => kind.length));
const TIME_COLUMNS = '12:34:56.789'.length;

/** Kinds that call for attention. */
const bad: ReadonlySet<EventKind> = new Set([
  'member-suspect',
  'member-dead',
  'audit-repaired',
  'audit-contested',
  'audit-found',
]);

/**
 * Writes events, now and as they come. In a terminal a time is one of the day, UTC, and each other day is said once; in a
 * pipe it is whole.
 */
export class EventLines {
  readonly #terminal: Terminal;
  #day: string;

  /** @param nowMs says which day needs no mention. */
  constructor(terminal: Terminal, nowMs: number) {
    this.#terminal = terminal;
    this.#day = dayOf(new Date(nowMs).toISOString());
  }

  /** The line on top. */
  title(): string {
    const time = this.#isPipe ? 'TIME'.padEnd('2026-01-01T12:34:56.789Z'.length) : 'TIME (UTC)'.padEnd(TIME_COLUMNS);
    return `${bold([time, 'KIND'.padEnd(KIND_COLUMNS), 'EVENT'].join(GAP), this.#terminal)}\n`;
  }

  /** A line for each event, or several where the terminal is narrow. */
  lines(events: readonly HistoryEvent[]): string {
    return events
      .flatMap((event) => [...this.#newDay(event), ...this.#event(event)])
      .map((line) => `${line}\n`)
      .join('');
  }

  get #isPipe(): boolean {
    return this.#terminal.widthColumns === undefined;
  }

  #newDay({ time }: HistoryEvent): string[] {
    const day = dayOf(time);
    if (this.#isPipe || day === this.#day) return [];
    this.#day = day;
    return [bold(day, this.#terminal)];
  }

  #event({ time, kind, message }: HistoryEvent): string[] {
    const shownTime = this.#isPipe ? time : time.slice(dayOf(time).length + 1, -1);
    const head = [shownTime, kind.padEnd(KIND_COLUMNS), ''].join(GAP);
    const shownHead = bad.has(kind) ? warning(head, this.#terminal) : head;
    const width = (this.#terminal.widthColumns ?? Infinity) - head.length;
    return wrap(message, width).map((line, index) => (index === 0 ? shownHead : ' '.repeat(head.length)) + line);
  }
}

function dayOf(time: string): string {
  return time.slice(0, '2026-01-01'.length);
}

/** A line for each event, with a title. */
export function formatEvents(events: readonly HistoryEvent[], nowMs: number, terminal: Terminal): string {
  if (events.length === 0) return 'no events\n';
  const lines = new EventLines(terminal, nowMs);
  return lines.title() + lines.lines(events);
}
