/**
 * A report as an SVG chart: for each measure one bar per rival, its length the ratio to the reference, on a logarithmic
 * scale, as ratios are. Pure.
 */
import { rounds, threeDigits, type Report } from './report.ts';
import type { Measure } from './workload.ts';

const WIDTH = 960;
const TITLE_WIDTH = 270;
const VALUE_WIDTH = 150;
const BAR_HEIGHT = 13;
const GROUP_GAP = 12;
const HEADER_HEIGHT = 64;
const FOOTER_HEIGHT = 28;
/** Colours that differ in brightness, too. In the order of the columns. */
const colours = ['#7a8794', '#0b6e4f', '#d98c21', '#9c3848'] as const;

/** The chart, as a document of its own. */
export function reportChart(report: Report): string {
  const measures = report.measures.filter(({ id }) => report.columns.some(({ name }) => ratioOf(report, name, id) > 0));
  const groupHeight = report.columns.length * BAR_HEIGHT + GROUP_GAP;
  const bottom = HEADER_HEIGHT + measures.length * groupHeight;
  const height = bottom + FOOTER_HEIGHT;
  const scale = new LogScale(
    measures
      .flatMap(({ id }) => report.columns.map(({ name }) => ratioOf(report, name, id)))
      .filter((ratio) => ratio > 0),
  );
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" font-family="system-ui, sans-serif" font-size="11">`,
    `<rect width="${WIDTH}" height="${height}" fill="#ffffff"/>`,
    text(
      12,
      20,
      `Ratio to ${report.columns[0]?.title ?? 'the reference'}, median of ${rounds(report)}`,
      'font-size="14" font-weight="600"',
    ),
    ...legend(report),
    ...grid(scale, bottom),
    ...measures.flatMap((measure, index) => group(report, measure, HEADER_HEIGHT + index * groupHeight, scale)),
    text(
      12,
      height - 10,
      `${report.machine.processor}, ${report.machine.processors} processors, Linux ${report.machine.kernel}, ${report.startedAt.slice(0, 10)}`,
      'fill="#555555"',
    ),
    '</svg>',
    '',
  ].join('\n');
}

/** Where a ratio lies on the axis. */
class LogScale {
  /** Powers of ten. */
  readonly first: number;
  readonly last: number;

  constructor(ratios: readonly number[]) {
    this.first = Math.floor(Math.log10(Math.min(0.1, ...ratios)));
    this.last = Math.ceil(Math.log10(Math.max(1, ...ratios)));
  }

  /** To a tenth of a pixel. */
  x(ratio: number): number {
    const share = (Math.log10(ratio) - this.first) / (this.last - this.first);
    return Math.round((TITLE_WIDTH + share * (WIDTH - TITLE_WIDTH - VALUE_WIDTH)) * 10) / 10;
  }
}

function legend(report: Report): string[] {
  return report.columns.flatMap(({ title, version, year, encrypts }, index) => {
    const x = 12 + index * 208;
    const label = `${title} ${version} (${year}${encrypts ? ', encrypts' : ''})`;
    return [`<rect x="${x}" y="33" width="10" height="10" fill="${colour(index)}"/>`, text(x + 14, 42, label)];
  });
}

function grid(scale: LogScale, bottom: number): string[] {
  const powers = Array.from({ length: scale.last - scale.first + 1 }, (_, index) => scale.first + index);
  return powers.flatMap((power) => {
    const x = scale.x(10 ** power);
    const stroke = power === 0 ? '#333333' : '#dddddd';
    return [
      `<line x1="${x}" y1="${HEADER_HEIGHT - 4}" x2="${x}" y2="${bottom - GROUP_GAP}" stroke="${stroke}"/>`,
      text(x, HEADER_HEIGHT - 7, `x${10 ** power}`, 'text-anchor="middle" fill="#555555"'),
    ];
  });
}

function group(report: Report, measure: Measure, top: number, scale: LogScale): string[] {
  const middle = top + (report.columns.length * BAR_HEIGHT) / 2 + 4;
  const title = `${measure.title}${measure.better === 'less' ? ' (less is better)' : ''}`;
  return [
    text(TITLE_WIDTH - 8, middle, title, 'text-anchor="end"'),
    ...report.columns.flatMap(({ name }, index) => {
      const ratio = ratioOf(report, name, measure.id);
      if (!(ratio > 0)) return [];
      const y = top + index * BAR_HEIGHT;
      const [one, x] = [scale.x(1), scale.x(ratio)];
      const median = report.results.summary(name, measure.id)?.median ?? Number.NaN;
      const value = `${threeDigits(median)} ${measure.unit}${index === 0 ? '' : `  x${threeDigits(ratio)}`}`;
      return [
        `<rect x="${Math.min(one, x) - 1}" y="${y}" width="${(Math.abs(one - x) + 2).toFixed(1)}" height="${BAR_HEIGHT - 2}" fill="${colour(index)}"/>`,
        text(WIDTH - VALUE_WIDTH + 8, y + BAR_HEIGHT - 3, value, `fill="${colour(index)}"`),
      ];
    }),
  ];
}

/** NaN if there is none. */
function ratioOf(report: Report, rival: string, measure: string): number {
  return report.results.summary(rival, measure)?.ratio ?? Number.NaN;
}

function colour(index: number): string {
  return colours[index % colours.length]!;
}

function text(x: number, y: number, content: string, attributes = ''): string {
  const escaped = content.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  return `<text x="${x}" y="${y}"${attributes === '' ? '' : ` ${attributes}`}>${escaped}</text>`;
}
