import test from 'ava';
import { PodLooks } from '../../../src/daemon/pods/pod-looks.ts';
import type { PodCable } from '../../../src/daemon/pods/pod-wiring.ts';
import { CommandError } from '../../../src/errors.ts';
import { parseInterior } from '../../../src/daemon/pods/pod-interior.ts';

const cable = (pod: string): PodCable => ({
  key: pod,
  pod,
  device: 'eth0',
  hasDefaultRoute: true,
  netns: `/run/netns/${pod}`,
  hostDevice: 'wf00000000',
  alias: '',
  hostMac: '',
  podMac: '',
  mtuBytes: 1_450,
  addresses: [],
  allowSources: [],
  nodeAddresses: [],
});

function looking(fails: ReadonlySet<string> = new Set()) {
  const seen: string[] = [];
  let nowMs = 0;
  const looks = new PodLooks(
    () => nowMs,
    async ({ pod }) => {
      seen.push(pod);
      nowMs += 100;
      if (fails.has(pod)) throw new CommandError('sh', 1, 'no such namespace', `look into pod ${pod}`);
      return await Promise.resolve(parseInterior(''));
    },
  );
  return { looks, seen, wait: (ms: number) => (nowMs += ms) };
}

test('of many pods those are looked into first that were looked into longest ago', async (t) => {
  const { looks, seen, wait } = looking();
  const all = Array.from({ length: 50 }, (_, at) => cable(`p${at}`));
  await looks.refresh(all);
  t.is(new Set(seen).size, 32);
  wait(10_000);
  await looks.refresh(all);
  t.is(new Set(seen).size, 50);
});

test('a pod is not looked into twice within a moment', async (t) => {
  const { looks, seen, wait } = looking();
  await looks.refresh([cable('web')]);
  await looks.refresh([cable('web')]);
  t.deepEqual(seen, ['web']);
  wait(399);
  await looks.refresh([cable('web')]);
  t.deepEqual(seen, ['web'], 'a look that took 100 ms is good for 400');
  wait(2);
  await looks.refresh([cable('web')]);
  t.deepEqual(seen, ['web', 'web']);
});

test('a pod that nobody gets into has no faults, but a problem; one that is gone is forgotten', async (t) => {
  const { looks } = looking(new Set(['hidden']));
  await looks.refresh([cable('hidden'), cable('web')]);
  t.is(looks.of('hidden')!.interior, undefined);
  t.regex(looks.of('hidden')!.problem, /no such namespace/);
  t.deepEqual(looks.of('hidden')!.faults, []);
  t.deepEqual(
    looks.of('web')!.faults.map(({ message }) => message),
    ['no eth0'],
  );
  await looks.refresh([cable('hidden')]);
  t.is(looks.of('web'), undefined);
});
