import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import test from 'ava';

const module = fileURLToPath(new URL('../../src/linux/thread-priority.ts', import.meta.url));

test('only the thread that asks comes first, if it may', (t) => {
  const program = `
    import { getPriority } from 'node:os';
    import { Worker } from 'node:worker_threads';
    import { preferThisThread } from ${JSON.stringify(module)};
    const before = getPriority();
    const worker = new Worker(
      'import { getPriority } from "node:os"; import { parentPort } from "node:worker_threads"; ' +
        'parentPort.on("message", () => parentPort.postMessage(getPriority()))',
      { eval: true },
    );
    await new Promise((resolve) => worker.once('online', resolve));
    const may = preferThisThread();
    const own = getPriority();
    worker.postMessage('');
    const other = await new Promise((resolve) => worker.once('message', resolve));
    await worker.terminate();
    console.log(JSON.stringify({ before, may, own, other }));`;
  const { before, may, own, other } = JSON.parse(
    execFileSync(process.execPath, ['--input-type=module', '--eval', program], { encoding: 'utf8' }),
  ) as { before: number; may: boolean; own: number; other: number };
  t.is(own, may ? -10 : before);
  t.is(other, before);
  if (process.getuid?.() === 0) t.true(may || before < 0);
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
