/** A report as text, at most 100 columns wide. Pure. */
import { formatTable, wrap, type Cell, type Column as TableColumn } from '../src/terminal/table.ts';
import { noiseSentence, rounds, threeDigits, type Column, type Report } from './report.ts';
import { targets, verdict } from './targets.ts';
import type { Measure } from './workload.ts';

const WIDTH_COLUMNS = 100;
const terminal = { widthColumns: WIDTH_COLUMNS, colour: false } as const;

/** The whole text, a line feed at its end. */
export function reportText(report: Report): string {
  const { machine } = report;
  const where = `${machine.processor}, ${machine.processors} processors, ${machine.memoryGigabytes} GB, Linux ${machine.kernel}, ${machine.distribution}, Node ${machine.node}`;
  const parts = [
    paragraph(
      `${report.startedAt.slice(0, 16).replace('T', ' ')} UTC, ${rounds(report)}, ${minutes(report)}. ${where}.`,
    ),
    paragraph(noiseSentence(report)),
    report.columns.length === 0 || report.measures.length === 0 ? '' : comparison(report),
    report.figures.length === 0 ? '' : figures(report),
    judgement(report),
    report.remarks.map((remark) => paragraph(`Note: ${remark.replaceAll(/\s+/g, ' ')}`)).join(''),
  ];
  return parts.filter((part) => part !== '').join('\n');
}

function comparison(report: Report): string {
  const columns: TableColumn[] = [
    { title: 'Median, ratio to the first' },
    { title: '' },
    ...report.columns.map(({ title }): TableColumn => ({ title, align: 'right' })),
  ];
  const about: Cell[] = ['minimum-maximum below it', '', ...report.columns.map(describe)];
  const rows = report.measures.map((measure): Cell[] => [
    measure.title,
    `${measure.unit}${measure.better === 'less' ? ' v' : ''}`,
    ...report.columns.map((column, index) => cell(report, column, measure, index === 0)),
  ]);
  return `${formatTable(columns, [about, ...rows], terminal)}\n${paragraph('v: less is better. Ratios are taken within each round; shown is their median.')}`;
}

function describe({ version, year, encrypts }: Column): Cell {
  return [version, encrypts ? `${year}, encrypts` : String(year)];
}

function cell(report: Report, column: Column, measure: Measure, isReference: boolean): Cell {
  const summary = report.results.summary(column.name, measure.id);
  if (summary === undefined) return '-';
  const ratio = isReference || Number.isNaN(summary.ratio) ? '' : ` x${threeDigits(summary.ratio)}`;
  return [`${threeDigits(summary.median)}${ratio}`, `${threeDigits(summary.min)}-${threeDigits(summary.max)}`];
}

function figures(report: Report): string {
  const columns: TableColumn[] = [
    { title: 'weft alone' },
    { title: '' },
    { title: 'median', align: 'right' },
    { title: 'min', align: 'right' },
    { title: 'max', align: 'right' },
  ];
  const rows = report.figures.map(({ id, title, unit }): Cell[] => {
    const summary = report.results.summary('weft', id);
    const values = [summary?.median, summary?.min, summary?.max];
    return [title, unit, ...values.map((value) => threeDigits(value ?? Number.NaN))];
  });
  return formatTable(columns, rows, terminal);
}

function judgement({ results }: Report): string {
  const columns: TableColumn[] = [
    { title: 'To reach' },
    { title: '' },
    { title: 'measured', align: 'right' },
    { title: 'at least', align: 'right' },
    { title: 'aim', align: 'right' },
    { title: '' },
  ];
  const rows = targets.flatMap((target): Cell[][] => {
    const value = target.value(results);
    if (Number.isNaN(value)) return [];
    const bounds = [value, target.least, target.aim].map((bound) => threeDigits(bound));
    return [[target.title, target.unit, ...bounds, verdict(target, value)]];
  });
  return rows.length === 0 ? '' : formatTable(columns, rows, terminal);
}

function paragraph(text: string): string {
  return `${wrap(text, WIDTH_COLUMNS).join('\n')}\n`;
}

function minutes({ seconds }: Report): string {
  return seconds < 120 ? `${Math.round(seconds)} s` : `${Math.round(seconds / 60)} minutes`;
}
