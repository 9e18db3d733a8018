/**
 * One run: rivals are brought up, and take turns.
 *
 *     round 1:  rival 1: work 1, rival 2: work 1, ...   rival 1: work 2, rival 2: work 2, ...   round 2: ...
 *
 * Rivals follow each other within the same work, seconds apart, so that a machine that changes its pace changes it for all;
 * each round begins with another one, so that none is always the first after something else.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { figures, REFERENCE, rivals, workloads } from './catalogue.ts';
import { interruption } from './interruption.ts';
import { thisMachine } from './machine.ts';
import { Noise } from './noise.ts';
import type { Options } from './options.ts';
import type { Report } from './report.ts';
import { Results } from './results.ts';
import type { Rival } from './rival.ts';
import { Site } from './site.ts';
import type { Subject, Workload } from './workload.ts';

/** @param directory empty; the caller removes it. @param progress told what is being done. */
export async function runBenchmark(
  options: Options,
  directory: string,
  progress: (step: string) => void,
): Promise<Report> {
  const startedAt = new Date();
  const chosen = { rivals: named(rivals, options.rivals), work: named(workloads, options.workloads) };
  const chosenFigures = named(figures, options.figures);
  const noise = new Noise();
  const results = new Results(REFERENCE);
  const remarks: string[] = [];
  const subjects: Subject[] = [];
  await noise.sample();
  await using cleanUp = new AsyncDisposableStack();
  for (const rival of chosen.work.length === 0 ? [] : chosen.rivals) {
    progress(`bringing up ${rival.title}`);
    const subject = await bringUp(rival, directory, cleanUp, remarks);
    if (subject !== undefined) subjects.push(subject);
  }
  for (let round = 0; round < options.rounds && subjects.length > 0; round++) {
    await noise.sample();
    for (const work of chosen.work) {
      for (const subject of rotated(subjects, round)) {
        progress(`round ${round + 1} of ${options.rounds}: ${work.name}, ${subject.rival.title}`);
        await measure(work, subject, round, results, remarks);
      }
    }
  }
  await cleanUp.disposeAsync();
  for (const figure of chosenFigures) {
    progress(figure.name);
    const home = join(directory, figure.name);
    mkdirSync(home);
    try {
      await figure.run(home, options.rounds, (round, id, value) => results.add(round, 'weft', id, value));
    } catch (error) {
      interruption.throwIfAborted();
      remarks.push(`${figure.name} was not measured: ${(error as Error).message}`);
    }
  }
  await noise.sample();
  return {
    startedAt: startedAt.toISOString(),
    seconds: (Date.now() - startedAt.getTime()) / 1000,
    rounds: options.rounds,
    machine: thisMachine(),
    noise: noise.report(),
    columns: subjects.map(({ rival: { name, title }, label }) => ({ name, title, ...label })),
    measures: chosen.work.flatMap(({ measures }) => measures),
    figures: chosenFigures.flatMap(({ measures }) => measures),
    results,
    remarks,
  };
}

/** `undefined` if it is not installed, or does not start: the others go on, and a remark says so. */
async function bringUp(
  rival: Rival,
  directory: string,
  cleanUp: AsyncDisposableStack,
  remarks: string[],
): Promise<Subject | undefined> {
  const label = await rival.label();
  if (label === undefined) {
    remarks.push(`${rival.title} is not installed, and was left out.`);
    return undefined;
  }
  const site = new Site(rival.name);
  const home = join(directory, rival.name);
  mkdirSync(home);
  cleanUp.defer(async () => site.remove());
  try {
    await site.create();
    const running = await rival.start(site, home);
    cleanUp.defer(async () => running.stop());
    return { rival, label, site, running };
  } catch (error) {
    interruption.throwIfAborted();
    remarks.push(`${rival.title} did not start: ${(error as Error).message}`);
    return undefined;
  }
}

/** A row that fails is left empty, with a remark; it is not a reason to lose the others. */
async function measure(
  work: Workload,
  subject: Subject,
  round: number,
  results: Results,
  remarks: string[],
): Promise<void> {
  try {
    const values = await work.run(subject);
    work.measures.forEach(({ id }, index) => results.add(round, subject.rival.name, id, values[index] ?? Number.NaN));
  } catch (error) {
    interruption.throwIfAborted();
    remarks.push(`${work.name} of ${subject.rival.title} failed in round ${round + 1}: ${(error as Error).message}`);
  }
}

function rotated(subjects: readonly Subject[], round: number): readonly Subject[] {
  const first = round % subjects.length;
  return [...subjects.slice(first), ...subjects.slice(0, first)];
}

function named<Thing extends { readonly name: string }>(things: readonly Thing[], names: readonly string[]): Thing[] {
  return things.filter(({ name }) => names.includes(name));
}
