/** `scripts/bench`: runs the benchmark and writes its report. Exit code 1 if something could not be measured. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { exitWith, listenForSignals } from './interruption.ts';
import { removeLeftovers, runName } from './leftovers.ts';
import { parseOptions, usage } from './options.ts';
import { showProgress } from './progress.ts';
import { reportChart } from './report-chart.ts';
import { reportJson } from './report-json.ts';
import { reportText } from './report-table.ts';
import { runBenchmark } from './run.ts';

async function main(): Promise<number> {
  const options = parseOptions(process.argv.slice(2));
  if (options === 'help') {
    process.stdout.write(usage());
    return 0;
  }
  listenForSignals();
  await removeLeftovers();
  const directory = mkdtempSync(join(tmpdir(), `${runName()}-`));
  try {
    const report = await runBenchmark(options, directory, showProgress);
    const text = reportText(report);
    process.stdout.write(text);
    if (options.output !== undefined) writeFileSync(resolve(options.output), text);
    if (options.json !== undefined) {
      writeFileSync(resolve(options.json), `${JSON.stringify(reportJson(report), undefined, 2)}\n`);
    }
    if (options.svg !== undefined) writeFileSync(resolve(options.svg), reportChart(report));
    return report.remarks.some((remark) => /failed|did not start|was not measured/.test(remark)) ? 1 : 0;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

await exitWith(main);
