/**
 * A lab of three nodes for tests of the doctor: faults are seeded, one at a time, and the doctor names exactly that one. Between them the lab
 * is healthy, and it says so.
 */
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { parse, stringify } from 'yaml';
import type { DoctorReport, Finding } from '../../src/doctor/finding.ts';
import type { ProgramResult } from './program.ts';
import { TestLab } from './test-lab.ts';
import { until } from './until.ts';

const root = join(import.meta.dirname, '..', '..');

/** Counts of before have to be forgotten, dead nodes to be found: on a machine that is busy. */
export const DEADLINE_MS = 120_000;

/** A fault of which the doctor of `at` speaks as `id`. */
export interface Fault {
  readonly id: string;
  readonly at?: string;
  /** Carried out again until the doctor has seen it: an audit may put it right before. */
  readonly seed?: () => Promise<unknown>;
  /** What puts it right, unless it passes by itself. */
  readonly heal?: () => Promise<unknown>;
  /** What is carried out once, before. */
  readonly prepare?: () => Promise<unknown>;
  /** What the finding has to say. */
  readonly evidence?: RegExp | ((said: string) => boolean);
}

export class DoctorLab {
  /** For files of a test. */
  readonly directory: string = mkdtempSync(join(tmpdir(), 'weft-doctor-'));
  #lab: TestLab | undefined;
  /** By node: what ends it as it runs now, and puts back what it is started with. */
  readonly #ends = new Map<string, () => Promise<unknown>>();

  get lab(): TestLab {
    if (this.#lab === undefined) throw new Error('the lab is not up');
    return this.#lab;
  }

  async up(): Promise<void> {
    this.#lab = await TestLab.up('--pods', '1', '--set', 'audit.watch=off');
  }

  async down(): Promise<void> {
    await this.#lab?.down();
    rmSync(this.directory, { recursive: true });
  }

  /** What the doctor of `node` says. */
  async doctor(node: string, ...args: readonly string[]): Promise<DoctorReport> {
    const { stdout, exitCode } = await this.lab.tryAsk(node, 'doctor', '--json', ...args);
    const report = JSON.parse(stdout) as DoctorReport;
    if (report.healthy !== (exitCode === 0)) throw new Error(`healthy is ${report.healthy}, the exit code ${exitCode}`);
    return report;
  }

  /** Until it names the fault alone, with its evidence: what counts probes and packets may know of it before it knows how far it goes. */
  async untilFound({ id, at = 'n1', seed, evidence = /./ }: Fault): Promise<Finding> {
    const says = typeof evidence === 'function' ? evidence : (said: string) => evidence.test(said);
    let findings: readonly Finding[] = [];
    try {
      await until(
        `the doctor of ${at} names ${id} alone, with ${String(evidence)}`,
        async () => {
          await seed?.();
          findings = findingsOf(await this.doctor(at));
          return findings.length === 1 && findings[0]!.id === id && says(findings[0]!.evidence.join('\n'));
        },
        DEADLINE_MS,
      );
    } catch (error) {
      throw new Error(`${String(error)}; it named ${JSON.stringify(findings)}`, { cause: error });
    }
    return findings[0]!;
  }

  /** Until there is nothing to find on any node. */
  async untilHealthy(): Promise<void> {
    let report: DoctorReport | undefined;
    try {
      await until(
        'all nodes are healthy',
        async () => {
          report = await this.doctor('n1', '--all');
          return report.healthy && report.nodes.length === 3;
        },
        DEADLINE_MS,
      );
    } catch (error) {
      throw new Error(`${String(error)}; the doctor said ${JSON.stringify(report)}`, { cause: error });
    }
  }

  async inNode(node: string, ...argv: readonly string[]): Promise<ProgramResult> {
    return await this.lab.tryExec(node, ...argv);
  }

  /** Has nft carry out `text`. */
  async rules(place: string, text: string): Promise<ProgramResult> {
    return await this.lab.tryExec(place, 'nft', text);
  }

  /** Drops in the switch what a match selects, until {@link dropNothing}. */
  async drop(match: string): Promise<void> {
    await this.rules(
      'switch',
      `table bridge eaten { chain forward { type filter hook forward priority 1; }; }
       flush chain bridge eaten forward; add rule bridge eaten forward ${match} drop`,
    );
  }

  async dropNothing(): Promise<void> {
    await this.rules('switch', 'delete table bridge eaten');
  }

  async restart(node: string): Promise<void> {
    await this.lab.lab('stop', node);
    await this.lab.lab('start', node);
  }

  /** Has `node` run by this command, in its namespace and with these flags, until {@link asBefore}. */
  async runBy(node: string, command: readonly string[], ...flags: readonly string[]): Promise<void> {
    await this.lab.lab('stop', node);
    const { config } = this.lab.files(node);
    const daemon = this.lab.background(node, ...command, 'daemon', '--config', config, ...flags);
    this.#ends.set(node, async () => daemon.end());
    await until(`${node} answers`, async () => this.lab.control(node).isAnswering(), DEADLINE_MS);
  }

  /** Has `node` run with other files until {@link asBefore}: what `change` does, which gives what undoes it. */
  async withFiles(node: string, change: () => () => void): Promise<void> {
    await this.lab.lab('stop', node);
    const undo = change();
    this.#ends.set(node, async () => {
      await this.lab.lab('stop', node);
      undo();
    });
    await this.lab.lab('start', node);
  }

  /** Has n1 run with another configuration until {@link asBefore}. */
  async configure(change: (config: Readonly<Record<string, unknown>>) => object): Promise<void> {
    const { config } = this.lab.files('n1');
    await this.withFiles('n1', () => {
      const before = readFileSync(config, 'utf8');
      const parsed = parse(before) as Record<string, unknown>;
      writeFileSync(config, stringify({ ...parsed, ...change(parsed) }));
      return () => writeFileSync(config, before);
    });
  }

  async asBefore(node: string): Promise<void> {
    await this.#ends.get(node)?.();
    this.#ends.delete(node);
    await this.lab.lab('start', node);
  }

  /** Another installation of weft, changed in one place. Gives its command. */
  copyOfWeft(file: string, what: string | RegExp, by: string): string[] {
    const copy = mkdtempSync(join(this.directory, 'copy-'));
    cpSync(join(root, 'src'), join(copy, 'src'), { recursive: true });
    cpSync(join(root, 'package.json'), join(copy, 'package.json'));
    symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
    const text = readFileSync(join(copy, file), 'utf8');
    const changed = text.replace(what, by);
    if (changed === text) throw new Error(`${file} has no ${String(what)}`);
    writeFileSync(join(copy, file), changed);
    return [process.execPath, join(copy, 'src', 'cli', 'main.ts')];
  }
}

/** What an audit of before has put right is said for ten minutes. */
export function findingsOf({ nodes }: DoctorReport): readonly Finding[] {
  return nodes.flatMap(({ findings }) => findings).filter(({ id }) => id !== 'repaired-by-itself');
}

/** Makes a test of each fault: what it is, and what it is to be named. */
export function testFaults(place: DoctorLab, faults: Readonly<Record<string, Fault>>): void {
  for (const [what, fault] of Object.entries(faults)) {
    test.serial(`${what}: ${fault.id}, and nothing else`, async (t) => {
      t.timeout(3 * DEADLINE_MS);
      try {
        await fault.prepare?.();
        const { fix, cause } = await place.untilFound(fault);
        t.true(fix.text !== '' && cause !== '');
      } finally {
        await fault.heal?.();
      }
      await place.untilHealthy();
      t.pass();
    });
  }
}
