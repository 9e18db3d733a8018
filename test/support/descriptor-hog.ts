/** Takes all descriptors that this process may have, then does a few things that need some, and prints what became of it as JSON. */
import { openSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { ExhaustedError } from '../../src/errors.ts';
import { runCommand } from '../../src/linux/command.ts';
import { openDescriptors } from '../../src/linux/descriptors.ts';
import { explainShortage, shortageIn } from '../../src/linux/shortage.ts';
import { networkInterfaces } from 'node:os';

const purpose = 'try it';
const uncaught: string[] = [];
process.on('uncaughtException', (error) => uncaught.push(error.message));

// Otherwise what it needs would be loaded when there is nothing left.
await runCommand(['true'], { purpose });
const before = openDescriptors();
try {
  for (;;) openSync('/dev/null', 'r');
} catch {
  // There are none left.
}

async function command(): Promise<string> {
  try {
    return await runCommand(['true'], { purpose });
  } catch (error) {
    return error instanceof ExhaustedError ? `${error.code}: ${error.message}` : String(error);
  }
}

async function worker(): Promise<string> {
  const error = await new Promise<Error>((resolve) => new Worker('', { eval: true }).on('error', resolve));
  return explainShortage(error, purpose)?.code ?? String(error);
}

function interfaces(): string {
  try {
    return String(Object.keys(networkInterfaces()).length);
  } catch (error) {
    return shortageIn(error) ?? String(error);
  }
}

const found = { command: await command(), worker: await worker(), interfaces: interfaces() };
await new Promise((resolve) => setImmediate(resolve));
process.stdout.write(`${JSON.stringify({ ...found, before, uncaught })}\n`);
process.exit(0);
