/** Text of strangers, for a terminal. Pure. */

/** The same without control characters, by which a terminal could be told something: each is a replacement character. */
export function printable(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, '\u{fffd}');
}
