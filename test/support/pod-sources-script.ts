/**
 * What becomes of the tables that bind pods to their addresses while `nft` fails, in a network and a mount namespace of this process's
 * own: run it by `unshare --net --mount`. Prints what it saw, as JSON.
 */
import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PodSources } from '../../src/daemon/pods/pod-sources.ts';
import type { PodSource } from '../../src/daemon/pods/source-rules.ts';
import { commandDirectories } from '../../src/linux/command.ts';
import { parseIpAddress } from '../../src/wire/address.ts';

/** What was seen, by step. */
export type PodSourcesReport = Readonly<Record<string, unknown>>;

const report: Record<string, unknown> = {};
const program = commandDirectories()
  .map((directory) => `${directory}/nft`)
  .find((path) => existsSync(path))!;

function pod(number: number): PodSource {
  const [device, mac] = [`wf0000000${number}`, `02:00:00:00:00:0${number}`];
  return { pod: `p${number}`, device, mac, addresses: [parseIpAddress(`10.244.1.${number}`)!], allowSources: [] };
}

/** While `nft` does nothing but fail; or fails where its input says `word`. */
async function withoutNft<Result>(action: () => Promise<Result>, word?: string): Promise<Result> {
  const directory = mkdtempSync(join(tmpdir(), 'weft-nft-'));
  const [copy, failing] = [join(directory, 'nft'), join(directory, 'failing')];
  copyFileSync(program, copy);
  const passes = `case "$input" in *${word}*) exit 1;; esac; printf '%s\\n' "$input" | exec ${copy} "$@"`;
  writeFileSync(failing, `#!/bin/sh\n${word === undefined ? 'exit 1' : `input=$(cat); ${passes}`}\n`, { mode: 0o755 });
  execFileSync('mount', ['--bind', failing, program]);
  try {
    return await action();
  } finally {
    // The program may still be about to end: lazily.
    execFileSync('umount', ['--lazy', program]);
    rmSync(directory, { recursive: true });
  }
}

async function outcome(action: () => Promise<unknown>): Promise<unknown> {
  try {
    return await action();
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
}

function isBound(number: number): boolean {
  return execFileSync(program, ['list', 'table', 'inet', 'weft-pods'], { encoding: 'utf8' }).includes(
    `"wf0000000${number}" . 10.244.1.${number} . `,
  );
}

const never = new PodSources();
await withoutNft(async () => {
  await never.ensure([], []);
  report['a pod where it never could be bound'] = await outcome(async () => never.bind(pod(1)));
});
report['notices where it never could be bound'] = never.notices().map(({ code }) => code);

const sources = new PodSources();
await sources.ensure([pod(1)], []);
report['a pod without nft, where the tables are'] = await withoutNft(async () =>
  outcome(async () => sources.bind(pod(4))),
);
report['bound without nft'] = isBound(4);
await sources.release(pod(4).device);
// Without the tables, elements cannot be added to them.
execFileSync(program, ['delete table inet weft-pods']);
report['a pod while nft fails'] = await withoutNft(async () => outcome(async () => sources.bind(pod(2))));
report['another while nft fails'] = await withoutNft(async () => outcome(async () => sources.bind(pod(3))));
report['notices while nft fails'] = sources.notices().map(({ code }) => code);
await sources.release(pod(3).device);
report['a pod when nft works again'] = await outcome(async () => sources.bind(pod(2)));
report['bound when nft works again'] = [1, 2, 3].map(isBound);
report['notices when nft works again'] = sources.notices();

const limited = new PodSources();
await withoutNft(async () => {
  await limited.ensure([pod(1)], []);
  report['prefixes where there are none'] = await outcome(async () => limited.refuseWithoutRanges());
}, 'behind4');
report['prefixes when nft works again'] = await outcome(async () => limited.refuseWithoutRanges());
await sources.repair();

// Somebody else's: one has to look.
execFileSync(program, ['add table ip stranger']);
report['looked at while nft fails'] = await withoutNft(async () => outcome(async () => sources.inspect()));
report['looked at when nft works again'] = await outcome(async () => sources.inspect());
report['refused while nft fails'] = await withoutNft(async () => outcome(async () => sources.readRefused()));
process.stdout.write(JSON.stringify(report));
