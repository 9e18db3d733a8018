import test, { type ExecutionContext } from 'ava';
import { hearingFirst, KernelWatch } from '../../../src/daemon/audit/kernel-watch.ts';
import type { HeardChanges } from '../../../src/linux/kernel-change-sockets.ts';
import type { KernelChange } from '../../../src/linux/kernel-change.ts';
import { silentLogger } from '../../support/silent-logger.ts';
import { until, untilStill } from '../../support/until.ts';

const ours: KernelChange = { kind: 'table', table: 'inet weft', isElementAdded: false, port: 7 };
const link: KernelChange = {
  kind: 'link',
  isGone: false,
  index: 2,
  name: 'eth0',
  alias: '',
  mtuBytes: 1500,
  isUp: true,
  port: 7,
};
const quiet: HeardChanges = { changes: [], overran: false };

/** A kernel whose changes a test makes, and a clock that it sets. */
class Kernel {
  heard: HeardChanges | Error = quiet;
  /** Whether the same is heard again and again. */
  isLasting = false;
  isBusy = false;
  nowMs = 0;
  looks = 0;
  others = 0;
  opened = 0;
  closed = 0;
  reads = 0;

  readonly watch: KernelWatch;

  constructor(t: ExecutionContext) {
    const watch = new KernelWatch({
      open: () => {
        this.opened++;
        if (this.heard instanceof Error) throw this.heard;
        return {
          read: () => {
            this.reads++;
            const { heard } = this;
            if (heard instanceof Error) throw heard;
            if (!this.isLasting) this.heard = quiet;
            return heard;
          },
          close: () => this.closed++,
        };
      },
      concernsUs: (change) => change === ours,
      isBusy: () => this.isBusy,
      tend: async () => {
        this.looks++;
        await Promise.resolve();
      },
      onOtherLink: () => this.others++,
      logger: silentLogger,
      nowMs: () => this.nowMs,
      intervalMs: 1,
    });
    this.watch = watch;
    t.teardown(() => watch.stop());
  }

  async untilRead(): Promise<void> {
    const before = this.reads;
    await until('it is read', () => this.reads > before + 5);
  }
}

test('a change of what is ours has it looked at, once', async (t) => {
  const kernel = new Kernel(t);
  kernel.heard = { changes: [ours, ours, ours], overran: false };
  await until('there was a look', () => kernel.looks > 0);
  await kernel.untilRead();
  t.is(kernel.looks, 1);
  t.is(kernel.others, 0);
});

test('a look waits while weft itself makes or removes pods, but not for ever', async (t) => {
  const kernel = new Kernel(t);
  kernel.isBusy = true;
  kernel.heard = { changes: [ours], overran: false };
  await kernel.untilRead();
  t.is(kernel.looks, 0);
  kernel.isBusy = false;
  await until('there was a look', () => kernel.looks === 1);
  kernel.isBusy = true;
  kernel.heard = { changes: [ours], overran: false };
  await kernel.untilRead();
  t.is(kernel.looks, 1);
  kernel.nowMs += 1_000;
  await until('there was another look', () => kernel.looks === 2);
});

test('where changes were lost, everything is looked at', async (t) => {
  const kernel = new Kernel(t);
  kernel.heard = { changes: [], overran: true };
  await until('there was a look', () => kernel.looks > 0 && kernel.others > 0);
  t.pass();
});

test('links of others are for the underlay, and cost no look', async (t) => {
  const kernel = new Kernel(t);
  kernel.heard = { changes: Array.from({ length: 10_000 }, () => link), overran: false };
  await until('the underlay was told', () => kernel.others > 0);
  await kernel.untilRead();
  t.is(kernel.looks, 0);
  t.is(kernel.others, 1);
});

test('where somebody takes things away without end, looks are limited, and go on when time has passed', async (t) => {
  const kernel = new Kernel(t);
  kernel.heard = { changes: [ours], overran: false };
  kernel.isLasting = true;
  const looks = await untilStill('the number of looks', () => kernel.looks);
  t.true(looks >= 10 && looks <= 20);
  kernel.nowMs = 8_000;
  await until('there are two more', () => kernel.looks === looks + 2);
  await kernel.untilRead();
  t.is(kernel.looks, looks + 2);
});

test('a kernel that cannot be heard any more ends nothing, and is heard again, and then everything is looked at', async (t) => {
  const kernel = new Kernel(t);
  kernel.heard = new Error('EBADF');
  await until('it is closed', () => kernel.closed === 1);
  t.is(kernel.looks, 0);
  kernel.nowMs = 10_000;
  await until('it was tried in vain', () => kernel.opened === 2);
  kernel.heard = quiet;
  kernel.nowMs = 20_000;
  await until('it is heard, and looked at', () => kernel.opened === 3 && kernel.looks === 1 && kernel.others === 1);
  await kernel.untilRead();
  t.is(kernel.looks, 1);
  t.is(kernel.closed, 1);
});

test('what has happened up to now is heard at once, and looked at in its turn', async (t) => {
  const kernel = new Kernel(t);
  kernel.heard = { changes: [ours, link], overran: false };
  kernel.watch.hear();
  t.is(kernel.heard, quiet);
  t.is(kernel.looks + kernel.others, 0);
  await until('there was a look, and another link is told', () => kernel.looks > 0 && kernel.others > 0);
  await kernel.untilRead();
  t.is(kernel.others, 1);
});

test('what is put right was heard of before', async (t) => {
  const said: string[] = [];
  const part = { inspect: () => ({ entries: 1, findings: [] }), repair: () => void said.push('repair') };
  const hearing = hearingFirst(part, () => said.push('hear'));
  t.deepEqual(await hearing.inspect('change'), { entries: 1, findings: [] });
  await hearing.repair();
  t.deepEqual(said, ['hear', 'repair']);
});
