/** Whether policies allow something, as text. Pure. */
import { hanging } from '../terminal/table.ts';
import { bold, paint, type Terminal, warning } from '../terminal/terminal.ts';
import { EVERYTHING, type PolicyTest, type TestedEdge, type TestedEnd } from './policy-answer.ts';

/** In front of what an edge says: whether it allows, and which it is. */
const HEAD_COLUMNS = '  DENY  ingress  '.length;

/** The answer in one line, and then what each edge says, with the rule and where it stands. */
export function formatPolicyTest(answer: PolicyTest, terminal: Terminal): string {
  const { allowed, asked, judged, notes } = answer;
  const isOne = !allowed && judged !== asked;
  const isUnsure = answer.labelsUnknown.length > 0;
  const tone = allowed ? 'good' : isUnsure || openOfAsked(answer).length > 0 ? 'warning' : 'bad';
  const lines = [
    ...hanging('', headline(answer), terminal).map((line) => bold(paint(line, tone, terminal), terminal)),
    '',
    ...(isOne ? [`${judged}, for one:`] : []),
    ...formatEdge('egress', answer.egress, terminal),
    ...formatEdge('ingress', answer.ingress, terminal),
    ...formatOpen(answer, terminal),
    ...(isUnsure ? ['', ...hanging('', unsureText(answer), terminal)] : []),
    ...(notes.length === 0 ? [] : ['']),
    ...notes.flatMap((note) => hanging('note: ', note, terminal).map((line) => warning(line, terminal))),
  ];
  return lines.map((line) => `${line}\n`).join('');
}

function headline(answer: PolicyTest): string {
  const { allowed, asked, source, destination } = answer;
  const what = `${asked === EVERYTHING ? 'everything' : asked} from ${endText(source)} to ${endText(destination)}`;
  const open = openOfAsked(answer);
  if (answer.labelsUnknown.length > 0) return `UNKNOWN: ${what}`;
  if (allowed) return `ALLOWED: ${what}`;
  return open.length === 0 ? `DENIED: ${what}` : `DENIED in part: of ${what}, only ${open.join(', ')} is allowed`;
}

/** Of what was asked about, as far as that is more than one thing. */
function openOfAsked({ asked, open }: PolicyTest): readonly string[] {
  return asked === EVERYTHING ? open : open.filter((text) => text.startsWith(`${asked} `));
}

function unsureText({ labelsUnknown }: PolicyTest): string {
  return `the labels of ${labelsUnknown.join(' and ')} are not known: nodes deny it until they are, and it may be allowed then`;
}

/** What else is allowed, to who has asked about something that is not. */
function formatOpen(answer: PolicyTest, terminal: Terminal): readonly string[] {
  const { allowed, asked, open } = answer;
  if (allowed || openOfAsked(answer).length > 0 || asked === EVERYTHING) return [];
  const words = open.length === 0 ? 'nothing else is allowed either' : `allowed between them: ${open.join(', ')}`;
  return ['', ...hanging('', words, terminal)];
}

function formatEdge(direction: string, edge: TestedEdge, terminal: Terminal): readonly string[] {
  const { allowed, cause, places, audited } = edge;
  const head = `  ${allowed ? 'ok' : 'DENY'}`.padEnd('  DENY  '.length) + direction;
  const indent = ' '.repeat(HEAD_COLUMNS);
  return [
    ...hanging(head.padEnd(HEAD_COLUMNS), cause, terminal).map((line) =>
      paint(line, allowed ? undefined : 'bad', terminal),
    ),
    // Whole, whatever the width: they are to be copied.
    ...places.map((place) => paint(`${indent}${place}`, 'faint', terminal)),
    ...audited.flatMap((one) =>
      hanging(indent, `audit: it would be denied, ${one}`, terminal).map((line) => warning(line, terminal)),
    ),
  ];
}

function endText({ pod, node, address }: TestedEnd): string {
  const name = pod !== '' ? pod : node !== '' ? `node ${node}` : '';
  if (name === '' || address === null) return name === '' ? (address ?? '') : name;
  return `${name} (${address})`;
}
