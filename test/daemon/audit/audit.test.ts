import test from 'ava';
import { Audit, type AuditedPart, type AuditOptions } from '../../../src/daemon/audit/audit.ts';
import type { Finding } from '../../../src/daemon/audit/audit-finding.ts';
import { EventLog } from '../../../src/daemon/process/event-log.ts';
import { silentLogger } from '../../support/silent-logger.ts';
import { until } from '../../support/until.ts';

const gone: Finding = { problem: 'missing', subject: '10.244.0.0/16', message: 'the route is gone' };
const foreign: Finding = { problem: 'foreign', subject: '10.244.3.0/24', message: 'somebody routes it elsewhere' };
const intact: AuditedPart = { inspect: () => ({ entries: 2, findings: [] }), repair: () => undefined };

/** A table with `findings`; `repair` takes away those of ours unless it is told how it fails. */
class DamagedPart implements AuditedPart {
  findings: readonly Finding[];
  repairs = 0;
  readonly #failure: Error | undefined;

  constructor(findings: readonly Finding[], failure?: Error) {
    this.findings = findings;
    this.#failure = failure;
  }

  inspect() {
    return { entries: 9, findings: this.findings };
  }

  async repair(): Promise<void> {
    this.repairs++;
    await Promise.resolve();
    if (this.#failure !== undefined) throw this.#failure;
    this.findings = this.findings.filter(({ problem }) => problem === 'foreign');
  }
}

async function auditOf(kernel: AuditedPart, authors?: AuditOptions['authors']) {
  const events = new EventLog(() => 0);
  const audit = await Audit.start({
    parts: { routes: intact, workers: intact, kernel, kubernetes: intact },
    ...(authors && { authors }),
    events,
    logger: silentLogger,
    wallClockMs: () => 0,
  });
  return { audit, heard: () => events.list().map(({ kind, message }) => `${kind}: ${message}`) };
}

test('where nothing differs nothing is repaired, and it is said what was compared', async (t) => {
  const kernel = new DamagedPart([]);
  const { audit, heard } = await auditOf(kernel);
  const { durationMs, ...report } = audit.last();
  t.deepEqual(report, {
    time: '1970-01-01T00:00:00.000Z',
    trigger: 'start',
    compared: { routes: 2, workers: 2, kernel: 9, kubernetes: 2 },
    differences: [],
    remaining: 0,
  });
  t.true(durationMs >= 0);
  t.is(kernel.repairs, 0);
  t.deepEqual(heard(), []);
  await audit.stop();
});

test('what is ours is repaired and named; what is not is named and left alone', async (t) => {
  const kernel = new DamagedPart([gone, foreign]);
  const { audit, heard } = await auditOf(kernel);
  t.deepEqual(audit.last().differences, [
    { table: 'kernel', ...gone, repaired: true },
    { table: 'kernel', ...foreign, repaired: false },
  ]);
  t.is(audit.last().remaining, 1);
  t.deepEqual(heard(), ['audit-repaired: the route is gone', 'audit-found: somebody routes it elsewhere']);
  t.is(kernel.repairs, 1);
  await audit.stop();
});

test('foreign things alone are no reason to repair', async (t) => {
  const kernel = new DamagedPart([foreign]);
  const { audit } = await auditOf(kernel);
  t.is(kernel.repairs, 0);
  await audit.stop();
});

test('what remains is an event once, and again after it was gone', async (t) => {
  const kernel = new DamagedPart([foreign]);
  const { audit, heard } = await auditOf(kernel);
  await audit.run('request');
  t.is(heard().length, 1);
  kernel.findings = [];
  await audit.run('request');
  kernel.findings = [foreign];
  await audit.run('request');
  t.is(heard().length, 2);
  await audit.stop();
});

test('what comes again every time is an event every time', async (t) => {
  const kernel = new DamagedPart([gone]);
  const { audit, heard } = await auditOf(kernel);
  kernel.findings = [gone];
  await audit.run('request');
  t.deepEqual(heard(), ['audit-repaired: the route is gone', 'audit-repaired: the route is gone']);
  t.deepEqual(audit.summary(), { time: '1970-01-01T00:00:00.000Z', repaired: 2, remaining: 0 });
  await audit.stop();
});

test('a repair that fails leaves the difference, with the reason', async (t) => {
  const { audit } = await auditOf(new DamagedPart([gone], new Error('ip: not permitted')));
  t.deepEqual(audit.last().differences, [
    { table: 'kernel', ...gone, message: 'the route is gone; ip: not permitted', repaired: false },
  ]);
  await audit.stop();
});

test('a table that cannot be looked at is a difference', async (t) => {
  const broken: AuditedPart = { inspect: () => Promise.reject(new Error('no ip')), repair: () => undefined };
  const { audit } = await auditOf(broken);
  t.deepEqual(
    audit.last().differences.map(({ message, repaired }) => [message, repaired]),
    [['no ip', false]],
  );
  await audit.stop();
});

test('of very many differences a hundred are named, those that remain first', async (t) => {
  const many = Array.from({ length: 500 }, (_, number) => ({ ...gone, subject: `10.244.${number}.0/24` }));
  const { audit, heard } = await auditOf(new DamagedPart([...many, foreign]));
  const { differences, remaining } = audit.last();
  t.is(differences.length, 101);
  t.is(differences[0]?.problem, 'foreign');
  t.is(differences.at(-1)?.message, '401 more differences');
  t.is(remaining, 1);
  t.is(heard().length, 101);
  await audit.stop();
});

test('audits that are asked for at once come one after the other', async (t) => {
  let running = 0;
  let most = 0;
  const slow: AuditedPart = {
    inspect: async () => {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setImmediate(resolve));
      running--;
      return { entries: 0, findings: [] };
    },
    repair: () => undefined,
  };
  const { audit } = await auditOf(slow);
  await Promise.all([audit.run('request'), audit.run('request'), audit.run('request')]);
  t.is(most, 1);
  await audit.stop();
});

test('it looks again by itself', async (t) => {
  const audit = await Audit.start({
    parts: { routes: intact, workers: intact, kernel: intact, kubernetes: intact },
    events: new EventLog(() => 0),
    logger: silentLogger,
    wallClockMs: () => 0,
    intervalMs: 5,
  });
  await until('there was another round', async () => audit.last().trigger === 'periodic');
  await audit.stop();
  t.pass();
});

test('whoever only looks finds the same, and nothing is repaired or noted', async (t) => {
  const kernel = new DamagedPart([]);
  const { audit, heard } = await auditOf(kernel);
  kernel.findings = [gone, foreign];
  t.deepEqual(await audit.inspect(), [
    { table: 'kernel', ...gone },
    { table: 'kernel', ...foreign },
  ]);
  t.is(kernel.repairs, 0);
  t.deepEqual(heard(), []);
  t.deepEqual(audit.last().differences, []);
  await audit.stop();
});

test('who made a repair necessary is said with it, and forgotten then', async (t) => {
  const forgotten: string[] = [];
  const kernel = new DamagedPart([]);
  const { audit, heard } = await auditOf(kernel, {
    of: (subject) => (subject === gone.subject ? 'process "zebra" (pid 7)' : undefined),
    forget: (subject) => forgotten.push(subject),
  });
  for (let round = 0; round < 5; round++) {
    kernel.findings = [gone, foreign];
    await audit.tend();
  }
  const repaired = 'audit-repaired: the route is gone; it was changed last by process "zebra" (pid 7)';
  const contested =
    'audit-contested: somebody takes away again and again what weft puts back: the route is gone; the last that is known to have changed it is process "zebra" (pid 7)';
  const found = 'audit-found: somebody routes it elsewhere';
  t.deepEqual(heard(), [repaired, found, repaired, repaired, repaired, contested, repaired]);
  t.deepEqual(
    forgotten,
    Array.from({ length: 5 }, () => gone.subject),
  );
  t.is(audit.repairs()[0]!.by, 'process "zebra" (pid 7)');
  await audit.stop();
});

test('who changed a table made what is missing in it necessary, and reports do not have the table', async (t) => {
  const forgotten: string[] = [];
  const inTable = { ...gone, changedIn: 'inet weft-pods' };
  const kernel = new DamagedPart([]);
  const { audit, heard } = await auditOf(kernel, {
    of: (subject) => (subject === 'inet weft-pods' ? 'process "zebra" (pid 7)' : undefined),
    forget: (subject) => forgotten.push(subject),
  });
  kernel.findings = [inTable];
  await audit.tend();
  t.deepEqual(heard(), ['audit-repaired: the route is gone; it was changed last by process "zebra" (pid 7)']);
  t.deepEqual(forgotten, ['inet weft-pods']);
  kernel.findings = [inTable];
  t.deepEqual(await audit.inspect(), [{ table: 'kernel', ...gone }]);
  const { differences } = await audit.run('request');
  t.deepEqual(differences, [{ table: 'kernel', ...gone, repaired: true }]);
  await audit.stop();
});

test('where it is not known who contests a repair, that is said', async (t) => {
  const kernel = new DamagedPart([]);
  const { audit, heard } = await auditOf(kernel);
  for (let round = 0; round < 5; round++) {
    kernel.findings = [gone];
    await audit.tend();
  }
  t.regex(
    heard().find((text) => text.startsWith('audit-contested'))!,
    /; who changed it is not known$/,
  );
  await audit.stop();
});
