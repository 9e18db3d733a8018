/** A line of the log for a person at a terminal. Pure. */

/** As pino writes it: level, time, message, and any other fields. */
type LogFields = Readonly<Record<string, unknown>>;

const MESSAGE_COLUMNS = 44;
const LEVEL_COLUMNS = 5;
const STACK_INDENT = ' '.repeat(4);

/** SGR codes of the levels that call for attention. */
const colours: Readonly<Record<string, string>> = { debug: '2', warn: '33', error: '31' };

/**
 * `04:05:06.000 info  underlay picked   interface=eth0 address=198.18.0.1`: local time, level, message, fields; the stack of an
 * error below. Nothing but what the log itself makes controls the terminal: names come from others.
 *
 * @param line JSON, as the log would have it otherwise.
 */
export function formatLogLine(line: string, hasColours: boolean): string {
  const { level, time, msg, err, ...fields } = JSON.parse(line) as LogFields;
  const name = String(level);
  const mark = `${timeOf(String(time))} ${name.padEnd(LEVEL_COLUMNS)}`;
  const colour = hasColours ? colours[name] : undefined;
  const start = colour === undefined ? mark : `\u001b[${colour}m${mark}\u001b[0m`;
  const pairs = Object.entries(fields).map(([key, value]) => `${key}=${textOf(value)}`);
  const error = (err ?? {}) as LogFields;
  const told = err === undefined ? [] : [`error=${textOf(error['message'])}`];
  const text = [printable(String(msg)).padEnd(MESSAGE_COLUMNS), ...told, ...pairs].join(' ').trimEnd();
  return `${start} ${text}\n${stackOf(name, error)}`;
}

/** An error that weft raised on purpose says all in its message: its stack is for those who look for bugs. */
function stackOf(level: string, { stack, code }: LogFields): string {
  if (typeof stack !== 'string' || (level !== 'debug' && typeof code === 'string')) return '';
  const frames = stack.split('\n').filter((line) => line.startsWith('    at '));
  return frames.map((line) => `${STACK_INDENT}${printable(line.trim())}\n`).join('');
}

function timeOf(iso: string): string {
  const time = new Date(iso);
  if (Number.isNaN(time.getTime())) return printable(iso);
  const [hours, minutes, seconds] = [time.getHours(), time.getMinutes(), time.getSeconds()].map(twoDigits);
  return `${hours}:${minutes}:${seconds}.${String(time.getMilliseconds()).padStart(3, '0')}`;
}

function twoDigits(value: number): string {
  return String(value).padStart(2, '0');
}

function textOf(value: unknown): string {
  if (typeof value !== 'string') return printable(JSON.stringify(value) ?? 'undefined');
  return /^[!#-<>-~]+$/.test(value) ? value : printable(JSON.stringify(value));
}

/** JSON leaves some of them as they are. */
function printable(text: string): string {
  return text.replaceAll(/\p{C}/gu, (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`);
}
