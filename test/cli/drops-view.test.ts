import test from 'ava';
import { DropLines, formatDrops } from '../../src/cli/drops-view.ts';
import type { DropReport } from '../../src/api/drop-api.ts';
import { fixedDrops } from '../support/fixed-handlers.ts';

const pipe = { widthColumns: undefined, colour: false };
const nothing: DropReport = {
  ...fixedDrops,
  packets: 0,
  reasons: [],
  pods: [],
  kernel: [],
  policies: [],
  recent: [],
  omitted: 0,
};

test('what only the kernel dropped is said to be of the kernel', (t) => {
  const text = formatDrops({ ...nothing, kernel: fixedDrops.kernel }, 'reason', pipe);
  t.regex(text, /^nothing was dropped by weft since/);
  t.regex(text, /^pod-spoofed-source +web +13 +10\.244\.1\.3 of pod db$/m);
});

test('what policies denied stands beside all of it, by rule', (t) => {
  const text = formatDrops({ ...nothing, policies: fixedDrops.policies }, 'reason', pipe);
  t.regex(text, /^nothing was dropped by weft since/);
  t.regex(text, /^isolated by shop\/web, no rule matches +ingress +7$/m);
});

test('packets that policies denied have their rule, also where weft dropped nothing', (t) => {
  const rule = 'isolated by shop/web, no rule matches';
  const [packet] = fixedDrops.recent;
  const recent = [{ ...packet!, reason: 'policy-denied', policy: 'shop/web', rule, peer: '' }];
  t.regex(
    formatDrops({ ...nothing, recent }, 'reason', pipe),
    /^04:09:59\.900 +policy-denied,isolated by shop\/web, no rule matches +tcp 10\.244\.1\.2:40000 > /m,
  );
  for (const line of formatDrops({ ...nothing, recent }, 'reason', { widthColumns: 100, colour: false }).split('\n'))
    t.true(line.length <= 100, line);
  t.regex(
    new DropLines(pipe, 'reason').lines({ ...nothing, recent }, undefined),
    /egress policy-denied \(isolated by shop\/web, no rule matches\); tcp /,
  );
});

test('a node that dropped nothing says so', (t) => {
  t.is(formatDrops(nothing, 'reason', pipe), 'nothing was dropped since 00:00:00.000 UTC\n');
});

test('by peer, drops are a share of what went there, and of what came from there', (t) => {
  const rows = formatDrops(fixedDrops, 'peer', pipe).split('\n');
  t.regex(rows[1]!, /^n2 +1000 +48 \(4\.8 %\) +900 +0$/);
  t.regex(rows[2]!, /^\(no peer\) +0 +0 +4 +4 \(100 %\)$/);
});

test('by pod, each has its reasons', (t) => {
  t.regex(formatDrops(fixedDrops, 'pod', pipe), /^web +10\.244\.1\.2 +2 +0 +fault-loss-out 2$/m);
});

test('without a flight recorder, that is said', (t) => {
  const text = formatDrops({ ...fixedDrops, recordedSince: '', recent: [], pods: [], omitted: 0 }, 'pod', pipe);
  t.regex(text, /none of them is recorded/);
  t.regex(text, /no flight recorder runs here/);
});

test('watched, each drop is a line, with its packet, its peer and its pod', (t) => {
  const packet = 'tcp 10.244.1.2:40000 > 10.244.2.2:80 (n2/db), 1450 bytes';
  t.is(
    new DropLines(pipe, 'reason').lines({ ...fixedDrops, omitted: 0 }, fixedDrops),
    `04:09:59.900  egress fault-loss-out; ${packet}; peer n2; pod web\n`,
  );
  t.is(
    new DropLines(pipe, 'pod').lines({ ...fixedDrops, omitted: 0 }, fixedDrops),
    `04:09:59.900  pod web; ${packet}; egress fault-loss-out; peer n2\n`,
  );
});

test('watched, what is not told one by one is told all together', (t) => {
  const [loss, sender] = fixedDrops.reasons;
  const later = { ...fixedDrops, recent: [], omitted: 7, reasons: [{ ...loss!, packets: 1_048 }, sender!] };
  t.is(new DropLines(pipe, 'reason').lines(later, fixedDrops), '04:10:00.000  all together: fault-loss-out 1000\n');
  t.is(new DropLines(pipe, 'reason').lines({ ...later, omitted: 0 }, fixedDrops), '');
});

test('addresses of IPv6 stand in brackets before a port', (t) => {
  const [packet] = fixedDrops.recent;
  const recent = [{ ...packet!, source: 'fd00::1', destination: 'fd00::2' }];
  t.regex(
    new DropLines(pipe, 'reason').lines({ ...fixedDrops, recent }, undefined),
    /tcp \[fd00::1\]:40000 > \[fd00::2\]:80 \(n2\/db\),/,
  );
});
