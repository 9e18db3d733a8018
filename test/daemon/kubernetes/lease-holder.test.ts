import test from 'ava';
import type { ApiMirror } from '../../../src/daemon/kubernetes/api-mirror.ts';
import { LeaseHolder } from '../../../src/daemon/kubernetes/lease-holder.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { silentLogger } from '../../support/silent-logger.ts';

interface Lease {
  metadata: { resourceVersion: string };
  spec: { holderIdentity: string; leaseTransitions: number };
}

/** An API server with one Lease, which refuses what is not of the version that it has. */
class LeaseDouble implements Pick<ApiMirror, 'ask'> {
  object: Lease | undefined;
  isAway = false;
  readonly #late: (() => void)[] = [];
  delaysWrites = false;

  ask(kind: string, _path: string, body: unknown, done: Parameters<ApiMirror['ask']>[3]): void {
    if (this.isAway) return done({ problem: 'ECONNREFUSED', status: 0, body: null });
    if (kind === 'get')
      return this.object === undefined
        ? done({ problem: 'HTTP 404', status: 404, body: null })
        : done({ problem: '', status: 200, body: structuredClone(this.object) });
    const write = (): void => {
      const version = this.object?.metadata.resourceVersion;
      const wanted = (body as { metadata: { resourceVersion?: string } }).metadata.resourceVersion;
      if (wanted !== version) return done({ problem: 'HTTP 409', status: 409, body: null });
      this.object = { ...structuredClone(body as Lease), metadata: { resourceVersion: `${Number(version ?? 0) + 1}` } };
      done({ problem: '', status: 200, body: this.object });
    };
    if (this.delaysWrites) this.#late.push(write);
    else write();
  }

  writeLate(): void {
    for (const write of this.#late.splice(0)) write();
  }
}

function holderOf(name: string, api: LeaseDouble, clock: ManualClock, isCandidate = () => true) {
  const held: string[] = [];
  const holder = new LeaseHolder({
    api,
    wish: { namespace: 'weft', name: 'lease', holder: name, durationMs: 15_000 },
    isCandidate,
    onHeld: () => held.push(name),
    clock,
    wallClockMs: () => 1_700_000_000_000 + clock.nowMs(),
    logger: silentLogger,
  });
  holder.start();
  return { holder, held };
}

test('one of two has it, and the other takes it when it is not renewed any more', (t) => {
  const [api, clock] = [new LeaseDouble(), new ManualClock()];
  const a = holderOf('a', api, clock);
  const b = holderOf('b', api, clock);
  for (let seconds = 0; seconds < 120; seconds++) {
    clock.advance(1_000);
    t.true(a.holder.isHeld && !b.holder.isHeld);
  }
  t.is(api.object?.spec.leaseTransitions, 0);
  a.holder.stop();
  t.false(a.holder.isHeld);
  clock.advance(14_000);
  t.false(b.holder.isHeld);
  clock.advance(12_000);
  t.true(b.holder.isHeld);
  t.deepEqual([a.held, b.held], [['a'], ['b']]);
  t.is(api.object?.spec.holderIdentity, 'b');
  t.is(api.object?.spec.leaseTransitions, 1);
});

test('who cannot renew it stops before another may have it', (t) => {
  const [api, clock] = [new LeaseDouble(), new ManualClock()];
  const a = holderOf('a', api, clock);
  clock.advance(20_000);
  t.true(a.holder.isHeld);
  api.isAway = true;
  clock.advance(16_000);
  t.false(a.holder.isHeld);
  t.is(a.holder.problem, 'ECONNREFUSED');
  api.isAway = false;
  clock.advance(5_000);
  t.true(a.holder.isHeld);
  t.is(a.holder.problem, '');
});

test('of two that write at one time, one has it', (t) => {
  const [api, clock] = [new LeaseDouble(), new ManualClock()];
  api.delaysWrites = true;
  const all = ['a', 'b'].map((name) => holderOf(name, api, clock));
  api.writeLate();
  t.deepEqual(
    all.map(({ holder }) => holder.isHeld),
    [true, false],
  );
});

test('an answer that comes when it has run out holds nothing', (t) => {
  const [api, clock] = [new LeaseDouble(), new ManualClock()];
  api.delaysWrites = true;
  const a = holderOf('a', api, clock, () => clock.nowMs() < 1_000);
  clock.advance(16_000);
  api.writeLate();
  t.false(a.holder.isHeld);
  t.deepEqual(a.held, []);
});

test('a node that need not ask for it does not', (t) => {
  const [api, clock] = [new LeaseDouble(), new ManualClock()];
  holderOf('a', api, clock, () => false);
  clock.advance(60_000);
  t.is(api.object, undefined);
});
