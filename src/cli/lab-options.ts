/** What all verbs of `weft lab` have in common. */
import { Option, type Command } from 'commander';
import type { OutputOptions } from './output.ts';

/** Options that every verb has. */
export interface LabOptions extends OutputOptions {
  readonly name: string;
}

/** One verb, with the options of all. */
export function verb(lab: Command, word: string, description: string): Command {
  return lab.command(word).description(description).addOption(labName()).option('--json', 'print JSON');
}

/** The option that says which lab is meant. */
export function labName(): Option {
  return new Option('--name <name>', 'name of the lab').env('WEFT_LAB').default('lab');
}
