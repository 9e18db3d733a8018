/** `weft version`. */
import type { Command } from 'commander';
import { readVersion } from '../daemon/process/version.ts';
import { print, type OutputOptions } from './output.ts';

/** Adds the command. It needs no daemon. */
export function registerVersion(program: Command): void {
  program
    .command('version')
    .description('show the version of weft and of its Node')
    .option('--json', 'print JSON')
    .action((options: OutputOptions) => {
      const version = readVersion();
      print(options, version, () => `weft ${version.version} (node ${version.node})\n`);
    });
}
