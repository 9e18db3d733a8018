/** What weft is to reach, as ratios within one run, and whether it does. Pure. */
import type { Results } from './results.ts';

/** A target: at least `least`, aiming for `aim`; where less is better, both are upper bounds. */
export interface Target {
  readonly title: string;
  readonly better: 'more' | 'less';
  readonly least: number;
  readonly aim: number;
  readonly unit: string;
  /** NaN: not measured in this run. */
  value(results: Results): number;
}

/** How far weft came. */
export type Verdict = 'aim reached' | 'reached' | 'missed';

const weft = 'weft';

export const targets: readonly Target[] = [
  {
    ...against('kernel-vxlan', 'tcp-stream'),
    title: 'TCP, one stream, to kernel vxlan',
    better: 'more',
    least: 0.4,
    aim: 0.6,
  },
  {
    ...against('kernel-vxlan', 'udp-blast-64'),
    title: 'UDP 64 bytes, one flow, to kernel vxlan',
    better: 'more',
    least: 1.3,
    aim: 2,
  },
  {
    ...against('kernel-vxlan', 'round-trip-tcp-p50'),
    title: 'TCP round trip p50, to kernel vxlan',
    better: 'less',
    least: 3.5,
    aim: 2,
  },
  { ...against('nebula', 'tcp-stream'), title: 'TCP, one stream, to nebula', better: 'more', least: 10, aim: 20 },
  {
    ...against('wireguard-go', 'tcp-stream'),
    title: 'TCP, one stream, to wireguard-go',
    better: 'more',
    least: 10,
    aim: 20,
  },
  { ...against('nebula', 'cpu-per-gigabyte'), title: 'CPU per GB, to nebula', better: 'less', least: 0.1, aim: 0.05 },
  {
    title: 'Random destinations, 100 000 to 10 routes',
    better: 'more',
    least: 0.85,
    aim: 0.95,
    unit: 'x',
    value: (results) => results.ratioOfMeasures(weft, 'packets-100000-routes', 'packets-10-routes'),
  },
  {
    title: 'Memory with 10 000 routes',
    better: 'less',
    least: 150,
    aim: 100,
    unit: 'MB',
    value: (results) => results.summary(weft, 'memory-10000-routes')?.median ?? Number.NaN,
  },
  {
    title: 'CPU of an idle daemon',
    better: 'less',
    least: 1,
    aim: 0.3,
    unit: '%',
    value: (results) => results.summary(weft, 'idle-cpu')?.median ?? Number.NaN,
  },
];

/** Judges a value that was measured. */
export function verdict(target: Target, value: number): Verdict {
  const reaches = (bound: number): boolean => (target.better === 'more' ? value >= bound : value <= bound);
  if (reaches(target.aim)) return 'aim reached';
  return reaches(target.least) ? 'reached' : 'missed';
}

function against(rival: string, measure: string): Pick<Target, 'unit' | 'value'> {
  return { unit: 'x', value: (results) => results.ratio(measure, weft, rival) };
}
