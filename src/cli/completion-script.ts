/**
 * Scripts for shells, made from the commands themselves, so that no option is missing. All three know one table: by the words
 * of a command (`lab up`), what may come next (`--nodes`), and by an option, the words that it takes (`--by`: reason, peer, pod).
 */
import type { Command } from 'commander';
import { dropReasons } from '../dataplane/drop-reason.ts';
import { hooks } from '../dataplane/hook.ts';

/** What may follow: words with what each means. */
export interface Completions {
  /** By the words of a command; empty: `weft` itself. */
  readonly commands: ReadonlyMap<string, readonly Candidate[]>;
  /** By the long name of an option. */
  readonly values: ReadonlyMap<string, readonly string[]>;
}

interface Candidate {
  readonly word: string;
  readonly meaning: string;
}

/** Verbs of the lab and flags of the configuration are only made for those who ask for them: this asks for all. */
export const ARGUMENTS_FOR_ALL: readonly string[] = ['lab', 'daemon', 'reset'];

/** The script for a shell. @param program with all its commands, see {@link ARGUMENTS_FOR_ALL}. */
export function completionScript(shell: 'bash' | 'zsh' | 'fish', program: Command): string {
  const completions = completionsOf(program);
  return { bash: bashScript, zsh: zshScript, fish: fishScript }[shell](completions);
}

/** Of a program with all its commands. */
function completionsOf(program: Command): Completions {
  const commands = new Map<string, readonly Candidate[]>();
  const values = new Map<string, readonly string[]>([['--hook', hooks.map(({ name }) => name)]]);
  const visit = (command: Command, path: string): void => {
    const help = command.createHelp();
    const options = help.visibleOptions(command);
    for (const { long, argChoices } of options) if (long && argChoices) values.set(long, argChoices);
    const candidates = [
      ...help.visibleCommands(command).map((one) => ({ word: one.name(), meaning: one.description() })),
      ...command.registeredArguments.flatMap(({ argChoices = [] }) => argChoices.map(asCandidate)),
      ...(path === 'explain drop' ? dropReasons.map(({ name }) => asCandidate(name)) : []),
      ...options.flatMap(({ long, short, description }) => ({ word: long ?? short ?? '', meaning: description })),
    ];
    commands.set(path, candidates);
    for (const below of command.commands) visit(below, `${path} ${below.name()}`.trim());
  };
  visit(program, '');
  return { commands, values };
}

function asCandidate(word: string): Candidate {
  return { word, meaning: '' };
}

function bashScript({ commands, values }: Completions): string {
  const table = [...commands].map(
    ([path, all]) => `  [${quoted(path)}]=${quoted(all.map(({ word }) => word).join(' '))}`,
  );
  const options = [...values].map(([option, words]) => `  [${quoted(option)}]=${quoted(words.join(' '))}`);
  return `# bash completion for weft
declare -gA _weft_commands=(
${table.map((line) => line.replace("['']", "['weft']")).join('\n')}
)
declare -gA _weft_values=(
${options.join('\n')}
)
_weft() {
  local current=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD - 1]} path='' word words
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    [[ $word != -- ]] || return 0
    [[ -z $word || -z \${_weft_commands[$path\${path:+ }$word]+is} ]] || path+=\${path:+ }$word
  done
  words=\${_weft_commands[\${path:-weft}]}
  [[ -z $before || -z \${_weft_values[$before]+is} ]] || words=\${_weft_values[$before]}
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}
complete -o default -F _weft weft
`;
}

function zshScript({ commands, values }: Completions): string {
  const described = ({ word, meaning }: Candidate): string =>
    quoted(meaning === '' ? word.replaceAll(':', '\\:') : `${word.replaceAll(':', '\\:')}:${meaning}`);
  const table = [...commands].map(
    ([path, all]) => `    ${quoted(path)}) candidates=(${all.map(described).join(' ')}) ;;`,
  );
  const options = [...values].map(
    ([option, words]) => `    ${quoted(option)}) candidates=(${words.map(quoted).join(' ')}) ;;`,
  );
  const paths = [...commands.keys()].filter((path) => path !== '').map(quoted);
  return `#compdef weft
# zsh completion for weft
_weft() {
  local -a candidates known=(${paths.join(' ')})
  local path_='' word
  for word in "\${(@)words[2,CURRENT-1]}"; do
    [[ $word != -- ]] || { _files; return }
    (( \${known[(Ie)$path_\${path_:+ }$word]} )) && path_+=\${path_:+ }$word
  done
  case $words[CURRENT-1] in
${options.join('\n')}
    *) case $path_ in
${table.join('\n')}
    esac ;;
  esac
  _describe weft candidates || _files
}
(( $+functions[compdef] )) && compdef _weft weft
[[ $zsh_eval_context[-1] == loadautofunc ]] && _weft "$@"
`;
}

function fishScript({ commands, values }: Completions): string {
  const lines = [...commands].flatMap(([path, all]) =>
    all.map(({ word, meaning }) => {
      const description = meaning === '' ? '' : ` -d ${fishQuoted(meaning)}`;
      return `complete -c weft -n ${fishQuoted(`__weft_at ${fishQuoted(path)}`)} -a ${fishQuoted(word)}${description}`;
    }),
  );
  const options = [...values].map(
    ([option, words]) =>
      `complete -c weft -f -n ${fishQuoted(`__weft_after ${option}`)} -a ${fishQuoted(words.join(' '))}`,
  );
  const paths = [...commands.keys()].filter((path) => path !== '').map(fishQuoted);
  return `# fish completion for weft
set -g __weft_paths ${paths.join(' ')}
function __weft_path
  set -l path ''
  for word in (commandline -opc)[2..]
    set -l longer (string trim "$path $word")
    contains -- $longer $__weft_paths; and set path $longer
  end
  echo $path
end
function __weft_at
  not contains -- (commandline -opc)[-1] ${[...values.keys()].join(' ')}; and test (__weft_path) = "$argv[1]"
end
function __weft_after
  test (commandline -opc)[-1] = "$argv[1]"
end
${[...lines, ...options].join('\n')}
`;
}

/** In single quotes, for bash and zsh. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

function fishQuoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
