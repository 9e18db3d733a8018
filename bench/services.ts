/**
 * `npm run bench:services`: what services cost, with 10 000 of them and 50 000 backends: until the kernel has all of them, when one changes,
 * when it is looked whether they are there, for packets, and how evenly flows are spread. In a network namespace of its own, with pods around it.
 */
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import { exitWith } from './interruption.ts';
import { chosenParts, parsed } from './option-values.ts';
import { showProgress } from './progress.ts';
import { type EvennessFigures, evenService, FLOWS, measureEvenness } from './services/evenness.ts';
import { type AuditFigures, type ChangeFigures, LoadedServices, type LoadFigures } from './services/loading.ts';
import { BACKENDS, SERVICES } from './services/service-cluster.ts';
import { ServiceRouter } from './services/service-router.ts';
import {
  type FirstPacketFigures,
  loadTraffic,
  measureFirstPackets,
  measureRates,
  type RateFigures,
  type Routers,
  trafficServices,
} from './services/traffic.ts';
import { measureTakeovers, type TakeoverFigures } from './services/takeover.ts';
import { median, percentile } from './statistics.ts';
import { reportTargets, type TargetRow, toldRow } from './target-report.ts';

const parts = ['changes', 'first', 'rates', 'evenness', 'takeover'] as const;
type Part = (typeof parts)[number];

/** Most that a change may take (p99), in ms. */
const MOST_CHANGE_MS = 50;
/** Most that a backend may differ from the mean, in percent. */
const MOST_DEVIATION = 5;

/** Until another node answers for an address, in ms, by preset. */
const mostTakeoverMs = { lan: 5_000, local: 3_000 } as const;

/** How much of each is measured. */
const whole = {
  services: SERVICES,
  changes: 200,
  affinityChanges: 200,
  serviceChanges: 200,
  rounds: 7,
  flows: 1_000,
  kills: 5,
};
const quick = {
  services: 1_000,
  changes: 30,
  affinityChanges: 15,
  serviceChanges: 10,
  rounds: 1,
  flows: 200,
  kills: 1,
};

interface Options {
  readonly parts: readonly Part[];
  readonly sizes: typeof whole;
  readonly isQuick: boolean;
  readonly json: string | undefined;
}

interface Figures {
  readonly services: number;
  readonly load: LoadFigures;
  changes?: readonly ChangeFigures[];
  audit?: AuditFigures;
  firstPackets?: readonly FirstPacketFigures[];
  rates?: readonly RateFigures[];
  evenness?: EvennessFigures;
  takeovers?: readonly TakeoverFigures[];
}

const usage = `usage: sudo npm run bench:services -- [OPTIONS]

  --only NAMES   parts to measure, with commas between: ${parts.join(',')}
                 changes   of one backend and of one service, and audits
                 first     first packets of flows, through a service and without
                 rates     long flows, the same
                 evenness  how flows are spread over backends
                 takeover  of addresses of load balancers, when their node is killed
  --quick        a tenth of the services, and one round of everything
  --json FILE    write every value to FILE
`;

function parseOptions(): Options | 'help' {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean' } as const;
  const options = { only: text, json: text, quick: flag, help: { ...flag, short: 'h' } } as const;
  // `alone` is given by this program to itself.
  const { values } = parsed(() => parseArgs({ options: { ...options, alone: flag } }));
  if (values.help === true) return 'help';
  const isQuick = values.quick === true;
  return { parts: chosenParts(parts, values.only), sizes: isQuick ? quick : whole, isQuick, json: values.json };
}

async function measure({ parts, sizes }: Options): Promise<Figures> {
  await using cleanUp = new AsyncDisposableStack();
  const routers: Routers = {
    many: await ServiceRouter.up('many', true, cleanUp),
    few: await ServiceRouter.up('few', false, cleanUp),
    none: await ServiceRouter.up('none', false, cleanUp),
  };
  await loadTraffic(routers.few);
  const loaded = new LoadedServices(sizes.services, [...Object.values(trafficServices), evenService]);
  showProgress(`${sizes.services} services`);
  const figures: Figures = { services: sizes.services, load: await loaded.load() };
  if (parts.includes('changes')) {
    showProgress('changes');
    figures.changes = [
      await loaded.changeBackends(sizes.changes, false),
      await loaded.changeBackends(sizes.affinityChanges, true),
      await loaded.changeServices(sizes.serviceChanges),
    ];
    showProgress('audits');
    figures.audit = await loaded.audit();
  }
  const { rounds, flows } = sizes;
  if (parts.includes('first')) figures.firstPackets = await measureFirstPackets(routers, rounds, flows, showProgress);
  if (parts.includes('rates')) figures.rates = await measureRates(routers, rounds, showProgress);
  if (parts.includes('evenness')) figures.evenness = await measureEvenness(routers.many, rounds, showProgress);
  if (parts.includes('takeover'))
    figures.takeovers = [
      await measureTakeovers('lan', sizes.kills, showProgress),
      await measureTakeovers('local', sizes.kills, showProgress),
    ];
  return figures;
}

function rowsOf({ services, load, changes, audit, firstPackets, rates, evenness, takeovers }: Figures): TargetRow[] {
  const many = `${services} services`;
  return [
    toldRow(`${many} with ${BACKENDS} backends each: they are planned`, `${load.planMs.toFixed(0)} ms`),
    toldRow('and the kernel has them', `${load.applyMs.toFixed(0)} ms`),
    toldRow(
      'memory: heap, resident, slabs of the kernel',
      `${[load.heapMegabytes, load.residentMegabytes, load.slabMegabytes].map((one) => one.toFixed(0)).join(', ')} MB`,
    ),
    ...(changes ?? []).flatMap(changeRows),
    ...(audit === undefined ? [] : auditRows(audit)),
    ...(firstPackets ?? []).flatMap((figures) => firstPacketRows(figures, many)),
    ...(rates ?? []).flatMap(rateRows),
    ...(evenness === undefined ? [] : evennessRows(evenness)),
    ...(takeovers ?? []).map(takeoverRow),
  ];
}

function changeRows({ title, ms, programs }: ChangeFigures): TargetRow[] {
  const sorted = ms.toSorted((a, b) => a - b);
  const p99 = percentile(sorted, 0.99);
  const value = `${[median(ms), p99, sorted.at(-1)!].map((one) => (Number.isNaN(one) ? '-' : one.toFixed(1))).join(' ')} ms`;
  const isKnown = !Number.isNaN(p99);
  const times: TargetRow = isKnown
    ? {
        title: `p50, p99, max: ${title}`,
        value,
        target: `p99 < ${MOST_CHANGE_MS} ms`,
        verdict: p99 < MOST_CHANGE_MS ? 'reached' : 'missed',
      }
    : toldRow(`p50, p99, max: ${title}`, value);
  const verdict = programs === 0 ? 'reached' : 'missed';
  return [
    times,
    { title: `programs started for ${ms.length} of these`, value: String(programs), target: '0', verdict },
  ];
}

function takeoverRow({ preset, ms }: TakeoverFigures): TargetRow {
  const most = mostTakeoverMs[preset];
  const worst = Math.max(...ms);
  return {
    title: `a node is killed, another answers for its addresses: preset ${preset}, median and worst of ${ms.length}`,
    value: `${(median(ms) / 1_000).toFixed(1)} ${(worst / 1_000).toFixed(1)} s`,
    target: `< ${most / 1_000} s`,
    verdict: worst < most ? 'reached' : 'missed',
  };
}

function auditRows({ unchangedMs, changedMs, takeoverMs }: AuditFigures): TargetRow[] {
  return [
    toldRow('an audit, nobody else changed nftables', `${median(unchangedMs).toFixed(1)} ms`),
    toldRow('an audit, somebody did, and it is not known what', `${median(changedMs).toFixed(0)} ms`),
    toldRow('another owner makes the table its own', `${takeoverMs.toFixed(0)} ms`),
  ];
}

const firstTitles = { tcp: 'TCP, until it is connected', udp: 'UDP, the first datagram and its answer' } as const;

function firstPacketRows(figures: FirstPacketFigures, many: string): TargetRow[] {
  const title = firstTitles[figures.protocol];
  const some = `${Object.keys(trafficServices).length} services`;
  const row = (what: string, these: readonly number[], those: readonly number[]): TargetRow =>
    comparisonRow(`${title}: ${what}`, these, those, (us) => `${us.toFixed(1)} us`);
  return [
    row(`through one of ${many}, to straight to its backend`, figures.many, figures.manyDirect),
    row(`through one of ${some}, to straight to its backend`, figures.few, figures.fewDirect),
  ];
}

const rateTitles = { tcp: 'TCP, one stream', udp: 'UDP 64 bytes, one flow' } as const;

function rateRows({ protocol, service, direct, none }: RateFigures): TargetRow[] {
  const title = rateTitles[protocol];
  const wordOf = (rate: number): string =>
    protocol === 'tcp' ? `${((rate * 8) / 1e9).toPrecision(3)} Gbit/s` : `${(rate / 1_000).toPrecision(3)} kpps`;
  return [
    comparisonRow(`${title}: through a service, to straight to its backend`, service, direct, wordOf),
    comparisonRow(`${title}: straight, with services to without`, direct, none, wordOf),
  ];
}

/** Medians of both, and the median of their ratios in each round, with the least and the greatest. */
function comparisonRow(
  title: string,
  these: readonly number[],
  those: readonly number[],
  wordOf: (value: number) => string,
): TargetRow {
  const ratios = these.map((value, round) => value / those[round]!);
  const [least, most] = [Math.min(...ratios), Math.max(...ratios)].map((one) => one.toFixed(2));
  const figures = [these, those].map((one) => wordOf(median(one))).join(' to ');
  return toldRow(title, `${figures}, ${median(ratios).toFixed(2)} (${least}-${most})`);
}

function evennessRows({ deviations, together, expected }: EvennessFigures): TargetRow[] {
  const deviation = median(deviations);
  return [
    {
      title: `${FLOWS} flows to ${BACKENDS} backends: largest difference to the mean`,
      value: percent(deviation),
      target: `<= ${MOST_DEVIATION} %`,
      verdict: deviation <= MOST_DEVIATION ? 'reached' : 'missed',
    },
    toldRow('by chance: median, and one in twenty is above', `${percent(expected.median)}, ${percent(expected.p95)}`),
    toldRow(`${FLOWS * deviations.length} flows`, percent(together)),
  ];
}

function percent(value: number): string {
  return `${value.toFixed(1)} %`;
}

async function main(): Promise<number> {
  const options = parseOptions();
  if (options === 'help') {
    process.stdout.write(usage);
    return 0;
  }
  if (process.argv.includes('--alone')) {
    const { sizes, isQuick, json } = options;
    const measured = async (): Promise<Figures> => measure(options);
    return await reportTargets({ measure: measured, rowsOf, valueTitle: 'VALUE', json, settings: { isQuick, sizes } });
  }
  const argv = ['--net', '--', process.execPath, ...process.execArgv, ...process.argv.slice(1), '--alone'];
  return spawnSync('unshare', argv, { stdio: 'inherit' }).status ?? 1;
}

await exitWith(main);
