/** The load generators in `programs/`: TypeScript programs, each told what to do by one JSON argument. */
import { join } from 'node:path';
import { Program } from './program.ts';

/** Longest that a generator may run, in seconds: whoever hangs is part of no figure. */
const LIMIT_SECONDS = 60;

/** Starts `programs/NAME.ts` in `netns`. It ends by itself, or with {@link Program.stop}. */
export function startGenerator(name: string, task: object, netns: string): Program {
  const file = join(import.meta.dirname, 'programs', `${name}.ts`);
  return new Program([process.execPath, file, JSON.stringify(task)], netns, LIMIT_SECONDS);
}

/** As {@link startGenerator}, for one that answers: starts it and waits until it does. */
export async function startAnswering(name: string, task: object, netns: string): Promise<Program> {
  const program = startGenerator(name, task, netns);
  await program.writes('ready\n');
  return program;
}

/** What a generator wrote last, a line of JSON. @throws WeftError `program-failed` */
export async function reportOf<Report>(program: Program): Promise<Report> {
  const lines = (await program.output()).trim().split('\n');
  return JSON.parse(lines.at(-1) ?? '') as Report;
}
