/** Convergence over time as an SVG chart: who saw how much of what is true. Pure. */
import type { AgreementPoint } from './agreement.ts';
import type { Outcome } from './scenario.ts';

const WIDTH = 960;
const HEIGHT = 440;
const LEFT = 60;
const RIGHT = 24;
const TOP = 106;
const BOTTOM = 56;
const PLOT_WIDTH = WIDTH - LEFT - RIGHT;
const PLOT_HEIGHT = HEIGHT - TOP - BOTTOM;

/** The two curves: nodes that see everything as it is, and single views that are right. */
const curves = [
  {
    colour: '#d98c21',
    title: 'views that are right',
    of: ({ rightShare }: AgreementPoint): number => rightShare,
    isFilled: false,
  },
  {
    colour: '#0b6e4f',
    title: 'nodes that see everything as it is',
    of: ({ right, nodes }: AgreementPoint): number => right / Math.max(1, nodes),
    isFilled: true,
  },
] as const;

const MARK = '#9c3848';
const DIM = '#555555';

/** Steps between labels of the time axis, in seconds. */
const timeSteps = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1_800, 3_600] as const;
const MOST_LABELS = 12;

/** What is shown beyond the last change, as a share of all. */
const MARGIN = 0.15;

/** The chart, as a document of its own. */
export function convergenceChart(outcome: Outcome): string {
  const { result, lossProbability, points, marks, startMs } = outcome;
  const firstMs = Math.max(startMs, (marks[0]?.atMs ?? startMs) - 1_000);
  const lastChangeMs = Math.max(firstMs + 2_000, ...points.map(({ atMs }) => atMs), ...marks.map(({ atMs }) => atMs));
  const endMs = Math.min(outcome.endMs, lastChangeMs + MARGIN * (lastChangeMs - firstMs));
  const x = (atMs: number): number => LEFT + (Math.max(0, atMs - firstMs) / (endMs - firstMs)) * PLOT_WIDTH;
  const { p50, p99, max } = result.convergenceMs;
  const loss = `${Number((100 * lossProbability).toFixed(2))} % loss`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${HEIGHT}" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="system-ui, sans-serif" font-size="11">`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#ffffff"/>`,
    text(
      LEFT,
      24,
      `${result.scenario}: ${result.nodes} nodes, ${loss}, seed ${result.seed}`,
      'font-size="15" font-weight="600"',
    ),
    text(
      LEFT,
      43,
      `half of the nodes agree after ${seconds(p50)}, 99 % after ${seconds(p99)}, the last after ${seconds(max)}; ${(result.bytesPerNodePerSecond / 1_000).toFixed(2)} kB/s per node; ${result.violations.length} violations`,
      `fill="${DIM}"`,
    ),
    ...shareAxis(),
    ...timeAxis(firstMs, endMs, x),
    ...legend(),
    ...curves.flatMap((one) => curve(one, points, { firstMs, endMs, x })),
    ...markLines(outcome, firstMs, x),
    text(
      LEFT + PLOT_WIDTH / 2,
      HEIGHT - 14,
      'virtual time since the scenario began',
      `text-anchor="middle" fill="${DIM}"`,
    ),
    '</svg>',
    '',
  ].join('\n');
}

/** What is shown, and where. */
interface Axes {
  readonly firstMs: number;
  readonly endMs: number;
  readonly x: (atMs: number) => number;
}

function y(share: number): number {
  return TOP + (1 - share) * PLOT_HEIGHT;
}

function shareAxis(): string[] {
  return [0, 0.25, 0.5, 0.75, 1].flatMap((share) => [
    `<line x1="${LEFT}" y1="${y(share)}" x2="${LEFT + PLOT_WIDTH}" y2="${y(share)}" stroke="${share === 0 ? '#333333' : '#dddddd'}"/>`,
    text(LEFT - 8, y(share) + 4, `${100 * share} %`, `text-anchor="end" fill="${DIM}"`),
  ]);
}

function timeAxis(firstMs: number, endMs: number, x: (atMs: number) => number): string[] {
  const lengthSeconds = (endMs - firstMs) / 1_000;
  const step = timeSteps.find((one) => lengthSeconds / one <= MOST_LABELS) ?? timeSteps.at(-1)!;
  const count = Math.floor(lengthSeconds / step);
  return Array.from({ length: count + 1 }, (_, index) => index * step).flatMap((at) => {
    const place = round(x(firstMs + 1_000 * at));
    return [
      `<line x1="${place}" y1="${TOP + PLOT_HEIGHT}" x2="${place}" y2="${TOP + PLOT_HEIGHT + 5}" stroke="#333333"/>`,
      text(place, TOP + PLOT_HEIGHT + 18, `${Number(at.toFixed(1))} s`, `text-anchor="middle" fill="${DIM}"`),
    ];
  });
}

/** Steps; of those within a tenth of a pixel the lowest and the last. */
function curve(
  { colour, of, isFilled }: (typeof curves)[number],
  points: readonly AgreementPoint[],
  axes: Axes,
): string[] {
  const { firstMs, endMs, x } = axes;
  const before = points.filter(({ atMs }) => atMs < firstMs).at(-1) ?? points[0];
  let share = before === undefined ? 1 : of(before);
  let path = `M${LEFT} ${round(y(share))}`;
  let lastX = -1;
  for (const point of points) {
    if (point.atMs < firstMs || point.atMs > endMs) continue;
    const place = round(x(point.atMs));
    share = of(point);
    path += place === lastX ? `V${round(y(share))}` : `H${place}V${round(y(share))}`;
    lastX = place;
  }
  path += `H${LEFT + PLOT_WIDTH}`;
  const area = `<path d="${path}V${round(y(0))}H${LEFT}Z" fill="${colour}" fill-opacity="0.13"/>`;
  return [
    ...(isFilled ? [area] : []),
    `<path d="${path}" fill="none" stroke="${colour}" stroke-width="2" stroke-linejoin="round"/>`,
  ];
}

function legend(): string[] {
  return curves.toReversed().flatMap(({ colour, title }, index) => {
    const x = LEFT + 260 * index;
    return [`<rect x="${x}" y="56" width="10" height="10" fill="${colour}"/>`, text(x + 15, 65, title)];
  });
}

function markLines({ marks }: Outcome, firstMs: number, x: (atMs: number) => number): string[] {
  return marks.flatMap(({ atMs, label }, index) => {
    const place = round(x(Math.max(firstMs, atMs)));
    const isFarRight = place > LEFT + 0.8 * PLOT_WIDTH;
    return [
      `<line x1="${place}" y1="${TOP - 8 - 12 * (index % 2)}" x2="${place}" y2="${TOP + PLOT_HEIGHT}" stroke="${MARK}" stroke-dasharray="4 3"/>`,
      text(
        place + (isFarRight ? -4 : 4),
        TOP - 8 - 12 * (index % 2),
        label,
        `fill="${MARK}"${isFarRight ? ' text-anchor="end"' : ''}`,
      ),
    ];
  });
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(2)} s`;
}

function round(pixels: number): number {
  return Math.round(pixels * 10) / 10;
}

function text(x: number, y: number, content: string, attributes = ''): string {
  const escaped = content.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  return `<text x="${round(x)}" y="${round(y)}"${attributes === '' ? '' : ` ${attributes}`}>${escaped}</text>`;
}
