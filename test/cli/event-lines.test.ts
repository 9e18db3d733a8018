import test from 'ava';
import { EventLines, formatEvents } from '../../src/cli/event-lines.ts';
import type { Terminal } from '../../src/terminal/terminal.ts';
import { fixedEvents } from '../support/fixed-handlers.ts';

const terminal: Terminal = { widthColumns: 60, colour: false };
const pipe: Terminal = { widthColumns: undefined, colour: false };
const nowMs = Date.parse('2026-01-03T12:00:00.000Z');

test('in a terminal an event has the time of the day, and long sentences go on below themselves', (t) => {
  t.is(
    formatEvents(fixedEvents, nowMs, terminal),
    `TIME (UTC)    KIND                    EVENT
04:04:00.000  member-joined           n2 joined, at
                                      198.18.0.2:7948
04:04:00.001  route-added             fd00:10:244:2::/64 is
                                      at n2, version 3
`,
  );
});

test('in a pipe an event is a line with the whole time', (t) => {
  t.is(
    formatEvents(fixedEvents.slice(0, 1), nowMs, pipe),
    `TIME                      KIND                    EVENT
2026-01-03T04:04:00.000Z  member-joined           n2 joined, at 198.18.0.2:7948
`,
  );
});

test('another day than today is said once, however the events come', (t) => {
  const lines = new EventLines(terminal, Date.parse('2026-01-04T00:00:00.000Z'));
  const days = fixedEvents.map((event) => lines.lines([event]).split('\n')[0]);
  t.is(days[0], '2026-01-03');
  t.regex(days[1]!, /^04:04:00\.001/);
});

test('that nothing happened is said in words', (t) => t.is(formatEvents([], nowMs, pipe), 'no events\n'));
