/** A report as JSON: every single value, so that whoever doubts a median can make another one. Pure. */
import type { Report } from './report.ts';
import { targets, verdict } from './targets.ts';

/** The document; keys may be added, not renamed. */
export function reportJson(report: Report): object {
  const { results, columns, measures, figures } = report;
  const valuesOf = (rival: string, measure: string): object | undefined => {
    const summary = results.summary(rival, measure);
    return summary && { ...withoutNaN(summary), values: results.values(rival, measure) };
  };
  return {
    format: 1,
    startedAt: report.startedAt,
    seconds: report.seconds,
    rounds: report.rounds,
    machine: report.machine,
    noise: report.noise,
    rivals: columns,
    measures: measures.map((measure) => ({
      ...measure,
      results: Object.fromEntries(columns.map(({ name }) => [name, valuesOf(name, measure.id)])),
    })),
    figures: figures.map((measure) => ({ ...measure, results: { weft: valuesOf('weft', measure.id) } })),
    targets: targets.flatMap((target) => {
      const value = target.value(results);
      const { title, unit, better, least, aim } = target;
      return Number.isNaN(value) ? [] : [{ title, unit, better, least, aim, value, verdict: verdict(target, value) }];
    }),
    remarks: report.remarks,
  };
}

/** JSON has no NaN. */
function withoutNaN(values: object): object {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => !Number.isNaN(value)));
}
