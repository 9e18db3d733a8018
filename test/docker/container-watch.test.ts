import test from 'ava';
import { ContainerWatch } from '../../src/docker/container-watch.ts';
import { FakeEngine, FakeKeeper, podWith } from '../support/docker-doubles.ts';
import { until } from '../support/until.ts';

const web = { 'weft.pod': 'web' };

class Watched {
  readonly engine = new FakeEngine();
  readonly keeper = new FakeKeeper();
  readonly said: string[] = [];
  readonly watch: ContainerWatch;

  constructor(needsNode = false) {
    const { engine, keeper } = this;
    this.watch = new ContainerWatch({ engine, keeper, needsNode, say: (line) => this.said.push(line) });
  }
}

test('containers with a label are pods for as long as they run', async (t) => {
  const { engine, keeper, watch, said } = new Watched();
  engine.run('aa', { name: 'one', pid: 10, labels: web });
  engine.run('bb', { name: 'two', pid: 11, labels: { ...web, 'weft.namespace': 'shop', 'weft.ip': '10.244.1.50' } });
  engine.run('cc', { name: 'three', pid: 12 });
  await watch.look();
  t.deepEqual(keeper.summary(), ['web 10.244.1.2 of 10', 'web 10.244.1.50 of 11']);
  engine.end('aa');
  await watch.look();
  t.deepEqual(keeper.summary(), ['web 10.244.1.50 of 11']);
  t.deepEqual(said, [
    'container one (aa0000000000) is pod web: 10.244.1.2',
    'container two (bb0000000000) is pod shop/web: 10.244.1.50',
    'pod web is detached: its container has ended',
  ]);
});

test('a container that was started again is connected anew, with the address that it had', async (t) => {
  const { engine, keeper, watch } = new Watched();
  engine.run('aa', { pid: 10, labels: web });
  engine.run('bb', { name: 'db', pid: 11, labels: { 'weft.pod': 'db' } });
  await watch.look();
  engine.run('aa', { pid: 20, labels: web });
  await watch.look();
  t.deepEqual(keeper.summary(), ['db 10.244.1.3 of 11', 'web 10.244.1.2 of 20']);
});

test('a container that was made anew takes the name and the address of the one that ended', async (t) => {
  const { engine, keeper, watch } = new Watched();
  engine.run('aa', { pid: 10, labels: web });
  await watch.look();
  engine.containers.clear();
  engine.run('dd', { pid: 30, labels: web });
  await watch.look();
  t.deepEqual(keeper.summary(), ['web 10.244.1.2 of 30']);
});

test('where nothing changes, nothing is done, and nothing said', async (t) => {
  const { engine, keeper, watch, said } = new Watched();
  engine.run('aa', { pid: 10, labels: web });
  await watch.look();
  await watch.look();
  t.is(keeper.adds, 1);
  t.is(said.length, 1);
});

test('a pod of a process id that another container has now is gone, and is connected anew', async (t) => {
  const { engine, keeper, watch } = new Watched();
  engine.run('aa', { pid: 10, labels: web });
  await watch.look();
  keeper.all.set('default/web', { ...keeper.all.get('default/web')!, state: 'gone' });
  await watch.look();
  t.is(keeper.adds, 2);
});

test('containers of other nodes are left alone', async (t) => {
  const { engine, keeper, watch } = new Watched();
  engine.run('aa', { pid: 10, labels: { 'weft.pod': 'ours', 'weft.node': 'n1' } });
  engine.run('bb', { pid: 11, labels: { 'weft.pod': 'theirs', 'weft.node': 'n2' } });
  await watch.look();
  t.deepEqual(keeper.summary(), ['ours 10.244.1.2 of 10']);
});

test('where nodes share an engine, a container that does not say whose it is is left alone, and that is said once', async (t) => {
  const { engine, keeper, watch, said } = new Watched(true);
  engine.run('aa', { pid: 10, labels: web });
  await watch.look();
  await watch.look();
  t.deepEqual(keeper.summary(), []);
  t.deepEqual(said, [
    'container web (aa0000000000) is left alone: it has no label weft.node, which says whose pod it is',
  ]);
});

test('a label that only the image has does not count, and that is said once', async (t) => {
  const { engine, keeper, watch, said } = new Watched();
  engine.labelledByImage.add('aa'.padEnd(64, '0'));
  engine.run('aa', { pid: 10 });
  await watch.look();
  await watch.look();
  t.deepEqual(keeper.summary(), []);
  t.is(said.length, 1);
  t.regex(said[0]!, /labels of images do not count/);
});

test('of two containers that want one name the first has it, and the second is told what to do', async (t) => {
  const { engine, keeper, watch, said } = new Watched();
  engine.run('aa', { name: 'one', pid: 10, labels: web });
  engine.run('bb', { name: 'two', pid: 11, labels: web });
  await watch.look();
  await watch.look();
  t.deepEqual(keeper.summary(), ['web 10.244.1.2 of 10']);
  t.is(said.length, 2);
  t.regex(said[1]!, /container two \(bb0+\) cannot be pod web: .* container one .*give it another name/);
  engine.end('aa');
  await watch.look();
  t.deepEqual(keeper.summary(), ['web 10.244.1.2 of 11'], 'it has the name when it is free');
});

test('a pod that was made by hand keeps its name', async (t) => {
  const { engine, keeper, watch, said } = new Watched();
  keeper.all.set('default/web', podWith({ name: 'web' }));
  engine.run('aa', { pid: 10, labels: web });
  await watch.look();
  t.deepEqual(keeper.summary(), ['web 10.244.1.2 of 100']);
  t.regex(said[0]!, /which was not made of a container/);
  engine.end('aa');
  await watch.look();
  t.is(keeper.all.size, 1, 'and is not detached');
});

test('what is wrong with one container keeps no other waiting, and is said once', async (t) => {
  const { engine, keeper, watch, said } = new Watched();
  engine.run('aa', { name: 'bad', pid: 10, labels: { 'weft.pod': 'Not A Name' } });
  engine.run('bb', { name: 'linked', pid: 11, networkMode: 'bridge', labels: { 'weft.pod': 'linked' } });
  engine.run('cc', { name: 'good', pid: 12, labels: { 'weft.pod': 'good' } });
  await watch.look();
  await watch.look();
  t.deepEqual(keeper.summary(), ['good 10.244.1.2 of 12']);
  t.is(said.length, 3);
});

test('a container that ends while it is attached is taken out again: its process id may be of another by then', async (t) => {
  const { engine, keeper, watch, said } = new Watched();
  engine.run('aa', { pid: 10, labels: web });
  engine.beforeAnswer = (id) => {
    if (keeper.adds > 0) engine.containers.set(id, { ...engine.containers.get(id)!, pid: 99 });
  };
  await watch.look();
  t.deepEqual(keeper.summary(), []);
  t.regex(said[0]!, /ended while it was attached/);
});

test('an engine that does not answer detaches nothing', async (t) => {
  const { engine, keeper, watch } = new Watched();
  engine.run('aa', { pid: 10, labels: web });
  await watch.look();
  engine.isDown = true;
  await t.throwsAsync(watch.look(), { message: 'there is no engine' });
  t.is(keeper.all.size, 1);
});

test('it goes on after the engine, its events and the daemon were away', async (t) => {
  const { engine, keeper, watch, said } = new Watched();
  engine.isDown = true;
  const ending = new AbortController();
  const watching = watch.run(ending.signal);
  try {
    await until('the engine is missed', () => said.includes('there is no engine'));
    engine.run('aa', { pid: 10, labels: web });
    engine.isDown = false;
    await until('it is back', () => keeper.all.size === 1);
    keeper.isDown = true;
    engine.run('bb', { pid: 11, labels: { 'weft.pod': 'db' } });
    await until('the daemon is missed', () => said.includes('no daemon'));
    keeper.isDown = false;
    await until('it is back', () => keeper.all.size === 2);
    engine.endEvents();
    engine.containers.clear();
    await until('what happened without an event is seen', () => keeper.all.size === 0);
    t.is(said.filter((line) => line === 'there is no engine').length, 1);
  } finally {
    ending.abort();
    await watching;
  }
});
