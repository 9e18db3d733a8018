/**
 * A line of a journal: what was decided at once, and so is there as a whole or not at all.
 *
 *     5d41402a 74 18 [{"put":{"network":"default","pod":"web",...}}]
 *     |        |  |  `- JSON in ASCII
 *     |        |  `---- number: that of the line before, and 1
 *     |        `------- length of what follows, in bytes
 *     `---------------- CRC-32 of what follows, in hexadecimal
 *
 * Chosen: text. Instead of: bytes. Because: it can be read without weft, and a line feed is in no JSON, so that the next line is found
 * after a damaged one.
 */
import { crc32 } from '../wire/crc32.ts';

/** Lines of a journal, read up to the first that is not one. */
export interface ParsedLines {
  readonly values: readonly unknown[];
  /** Of the last line; 0 if there is none. */
  readonly lastNumber: number;
  /** How many bytes the lines have. */
  readonly lengthBytes: number;
  /**
   * Behind the lines is nothing (`whole`), or what no line follows (`torn`): the process or the machine ended while it was written. Or a
   * line follows (`damaged`): what is in between was whole once.
   */
  readonly end: 'whole' | 'torn' | 'damaged';
}

/** One line, with its line feed. */
export function formatLine(number: number, value: unknown): string {
  const body = `${number} ${asciiJson(value)}`;
  return `${crc32(body).toString(16).padStart(8, '0')} ${body.length} ${body}\n`;
}

/** Reads all lines. */
export function parseLines(text: string): ParsedLines {
  const values: unknown[] = [];
  let lastNumber = 0;
  let at = 0;
  while (at < text.length) {
    const end = text.indexOf('\n', at);
    const line = end === -1 ? undefined : parseLine(text.slice(at, end));
    if (line === undefined || (values.length > 0 && line.number !== lastNumber + 1)) break;
    values.push(line.value);
    lastNumber = line.number;
    at = end + 1;
  }
  return { values, lastNumber, lengthBytes: at, end: endOf(text, at) };
}

function endOf(text: string, at: number): ParsedLines['end'] {
  if (at === text.length) return 'whole';
  const rest = text.slice(at);
  // One that is whole but out of order was not torn either.
  const follows = rest
    .split('\n')
    .slice(0, -1)
    .some((line) => parseLine(line) !== undefined);
  // Lines are written one by one: what is longer than the line that begins there was two, and lost its line feed.
  const [head, , length] = /^([0-9a-f]{8}) ([0-9]{1,10}) /.exec(rest) ?? [];
  const isLonger = head !== undefined && rest.length > head.length + Number(length) + 1;
  return follows || isLonger ? 'damaged' : 'torn';
}

function parseLine(line: string): { readonly number: number; readonly value: unknown } | undefined {
  const [, checksum, length, body = ''] = /^([0-9a-f]{8}) ([0-9]{1,10}) (.*)$/.exec(line) ?? [];
  if (checksum === undefined || Number(length) !== body.length || crc32(body) !== Number.parseInt(checksum, 16))
    return undefined;
  const [, number, json = ''] = /^([1-9][0-9]{0,14}) (.*)$/.exec(body) ?? [];
  try {
    return number === undefined ? undefined : { number: Number(number), value: JSON.parse(json) as unknown };
  } catch {
    return undefined;
  }
}

function asciiJson(value: unknown): string {
  return JSON.stringify(value).replaceAll(
    /[\u007f-\uffff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
