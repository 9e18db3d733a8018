import test from 'ava';
import { AwaitedPods, POD_WAIT_MS } from '../../../src/daemon/kubernetes/awaited-pods.ts';
import { type ApiPod, readPod } from '../../../src/kubernetes/api-object.ts';
import { ManualClock } from '../../support/manual-clock.ts';

/** An API that tells of pods when it is told to. */
class Api {
  readonly clock = new ManualClock();
  readonly pods = new Map<string, ApiPod>();
  problem = '';
  readonly awaited: AwaitedPods;
  #heard = (): void => {};

  constructor() {
    this.awaited = new AwaitedPods({
      clock: this.clock,
      api: {
        pods: this.pods,
        reachability: () => ({ isReachable: this.problem === '', sinceMs: 0, problem: this.problem }),
        follow: (follow) => (this.#heard = () => follow('pods', [])),
      },
    });
  }

  tell(name: string, uid: string, annotations = {}): void {
    this.pods.set(`shop/${name}`, readPod({ metadata: { name, namespace: 'shop', uid, annotations } })!);
    this.#heard();
  }

  fail(problem: string): void {
    this.problem = problem;
    this.#heard();
  }
}

const web = { namespace: 'shop', name: 'web', uid: 'u-2' };

test('what is known already is not waited for, not even while the API is away', async (t) => {
  const api = new Api();
  api.tell('web', 'u-2');
  api.fail('connect ECONNREFUSED');
  t.is((await api.awaited.wait(web))?.uid, 'u-2');
  t.is(api.clock.pending, 0);
});

test('a pod is waited for until the API tells of it, and the pod before it is another one', async (t) => {
  const api = new Api();
  api.tell('web', 'u-1');
  const waiting = api.awaited.wait(web);
  api.tell('other', 'u-3');
  api.clock.advance(POD_WAIT_MS - 1);
  api.tell('web', 'u-2');
  t.is((await waiting)?.uid, 'u-2');
});

test('a static pod has the UID of the pod that its object mirrors', async (t) => {
  const api = new Api();
  const waiting = api.awaited.wait(web);
  api.tell('web', 'u-9', { 'kubernetes.io/config.mirror': 'u-2' });
  t.is((await waiting)?.uid, 'u-9');
});

test('without a UID, whoever has the name is meant', async (t) => {
  const api = new Api();
  const waiting = api.awaited.wait({ ...web, uid: undefined });
  api.tell('web', 'u-7');
  t.is((await waiting)?.uid, 'u-7');
});

test('after two seconds it is not known which labels a pod has', async (t) => {
  const api = new Api();
  const answers: (ApiPod | undefined)[] = [];
  const waiting = api.awaited.wait(web).then((found) => answers.push(found));
  api.clock.advance(POD_WAIT_MS - 1);
  await Promise.resolve();
  t.deepEqual(answers, []);
  api.clock.advance(1);
  await waiting;
  t.deepEqual(answers, [undefined]);
});

test('while the API is away nothing is waited for', async (t) => {
  const api = new Api();
  api.fail('connect ECONNREFUSED');
  t.is(await api.awaited.wait(web), undefined);
});

test('who waits when the API goes away does so no longer, and hears nothing twice', async (t) => {
  const api = new Api();
  const waiting = [api.awaited.wait(web), api.awaited.wait({ ...web, name: 'other' })];
  api.fail('socket hang up');
  t.deepEqual(await Promise.all(waiting), [undefined, undefined]);
  api.problem = '';
  api.tell('web', 'u-2');
  api.clock.advance(POD_WAIT_MS);
  t.is((await api.awaited.wait(web))?.uid, 'u-2');
});
