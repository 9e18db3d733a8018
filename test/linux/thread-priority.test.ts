import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import type { Precedence } from '../../src/linux/thread-priority.ts';

const module = fileURLToPath(new URL('../../src/linux/thread-priority.ts', import.meta.url));

interface Precedences {
  readonly precedence: Precedence;
  /** Of each thread that was preferred, and of one that was there but not. */
  readonly preferred: readonly string[];
  readonly other: string;
  /** Of a thread and of a program that a preferred thread started. */
  readonly threadStarted: string;
  readonly programStarted: string;
}

/** Prefers the threads of a process that it has before it starts two workers. @param starter what it is started by. */
function preferIn(...starter: string[]): Precedences {
  const program = `
    import { execFileSync } from 'node:child_process';
    import { readFileSync } from 'node:fs';
    import { Worker } from 'node:worker_threads';
    import { preferThreads, presentThreads } from ${JSON.stringify(module)};
    // proc_pid_stat(5): niceness, real-time priority and policy are fields 19, 40 and 41.
    const text = (stat) => {
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      return fields[38] === '2' ? 'round robin ' + fields[37] : 'niceness ' + fields[16];
    };
    const ofWorker = (worker) => new Promise((resolve) => { worker.once('message', resolve); worker.postMessage(''); });
    const start = () => new Worker(
      'import { readFileSync } from "node:fs"; import { parentPort } from "node:worker_threads";' +
      'parentPort.on("message", () => parentPort.postMessage(readFileSync("/proc/thread-self/stat", "latin1")))',
      { eval: true },
    );
    const threads = presentThreads();
    const before = start();
    await ofWorker(before);
    // The last has ended, or never was: above what the kernel gives by default.
    const precedence = preferThreads([...threads, 0x3fffff]);
    const after = start();
    console.log(JSON.stringify({
      precedence,
      preferred: threads.map((thread) => text(readFileSync('/proc/self/task/' + thread + '/stat', 'latin1'))),
      other: text(await ofWorker(before)),
      threadStarted: text(await ofWorker(after)),
      programStarted: text(execFileSync('cat', ['/proc/self/stat'], { encoding: 'latin1' })),
    }));
    process.exit();`;
  const [file, ...args] = [...starter, process.execPath, '--input-type=module', '--eval', program];
  return JSON.parse(execFileSync(file, args, { encoding: 'utf8' })) as Precedences;
}

test('the threads that were there come first, if they may, and nothing that they start', (t) => {
  const { precedence, preferred, other, threadStarted, programStarted } = preferIn();
  // Node has threads that collect garbage from the start.
  t.true(preferred.length > 1);
  const expected = { 'real-time': 'round robin 1', niceness: 'niceness -10', none: other }[precedence];
  t.deepEqual(new Set(preferred), new Set([expected]));
  t.regex(other, /^niceness/);
  if (precedence === 'real-time') t.deepEqual([threadStarted, programStarted], ['niceness 0', 'niceness 0']);
  if (process.getuid?.() === 0) t.not(precedence, 'none');
});

test('threads that may not come first stay as they are', (t) => {
  const drop = ['setpriv', '--bounding-set', '-sys_nice', '--inh-caps', '-sys_nice'];
  const { precedence, preferred, other } = preferIn(...(process.getuid?.() === 0 ? drop : []));
  t.is(precedence, 'none');
  t.deepEqual(new Set(preferred), new Set([other]));
});

test('whoever lets others come first needs no privilege for it', (t) => {
  const program = `
    import { getPriority } from 'node:os';
    import { deferThisThread } from ${JSON.stringify(module)};
    deferThisThread();
    console.log(getPriority());`;
  const argv = ['--bounding-set', '-sys_nice', '--inh-caps', '-sys_nice', process.execPath, '--input-type=module'];
  const isRoot = process.getuid?.() === 0;
  const [file, ...args] = isRoot ? ['setpriv', ...argv] : argv.slice(4);
  t.is(execFileSync(file!, [...args, '--eval', program], { encoding: 'utf8' }).trim(), '5');
});
