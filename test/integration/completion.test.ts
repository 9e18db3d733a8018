/** Completion, asked of the shells themselves. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { ARGUMENTS_FOR_ALL, completionScript } from '../../src/cli/completion-script.ts';
import { buildProgram } from '../../src/cli/program.ts';
import { runProgram } from '../support/program.ts';

const directory = mkdtempSync(join(tmpdir(), 'weft-completion-'));
test.after.always(() => rmSync(directory, { recursive: true }));

async function scriptFor(shell: 'bash' | 'zsh' | 'fish'): Promise<string> {
  const file = join(directory, `weft.${shell}`);
  writeFileSync(file, completionScript(shell, await buildProgram(ARGUMENTS_FOR_ALL)));
  return file;
}

/** Lines that are typed, the last word being completed, and what has to be among the answers. */
const lines: readonly (readonly [line: string, ...words: string[]])[] = [
  ['weft pee', 'peer', 'peers'],
  ['weft lab sh', 'shell'],
  ['weft lab up --no', '--nodes'],
  ['weft drops --by ', 'reason', 'peer', 'pod', 'policy'],
  ['weft --socket /x pod ad', 'add'],
  ['weft explain drop no-ro', 'no-route'],
  ['weft capture --hook to-', 'to-pod', 'to-underlay'],
];

test('bash completes commands, options and values', async (t) => {
  const script = await scriptFor('bash');
  for (const [line, ...words] of lines) {
    const typed = line.split(' ').map((word) => `'${word}'`);
    const code = `source ${script}; COMP_WORDS=(${typed.join(' ')}); COMP_CWORD=${typed.length - 1}; _weft; echo "\${COMPREPLY[@]}"`;
    const answers = (await runProgram(['bash', '-c', code])).succeeded().trim().split(' ');
    t.deepEqual(words.toSorted(), answers.toSorted(), line);
  }
});

test('fish completes commands, options and values', async (t) => {
  const script = await scriptFor('fish');
  for (const [line, ...words] of lines) {
    const output = (await runProgram(['fish', '-c', `source ${script}; complete -C '${line}'`])).succeeded();
    const answers = output
      .trim()
      .split('\n')
      .map((answer) => answer.split('\t')[0]!);
    for (const word of words) t.true(answers.includes(word), `${line}: ${answers.join(' ')}`);
  }
});

test('zsh completes commands and values', async (t) => {
  const script = await scriptFor('zsh');
  // A shell in a terminal of its own, where a tab is a tab. What it was made to type is run by a function that says it.
  const zsh = `
zmodload zsh/zpty
zpty shell zsh -f -i
expect() { local text; zpty -r -m shell text "*$1*" }
zpty -w shell 'autoload -U compinit; compinit -u -D; source ${script}; weft() { print -r -- "typed<$*>" }; print "be""gin"'
expect begin
zpty -w -n shell $'weft lab she\\t\\n'
expect 'typed<lab shell>' && print one
zpty -w -n shell $'weft drops --by rea\\t\\n'
expect 'typed<drops --by reason>' && print two
zpty -d shell
`;
  t.is((await runProgram(['timeout', '60', 'zsh', '-f', '-c', zsh])).succeeded(), 'one\ntwo\n');
});
