/** Pods of containerd, made through its CRI socket as a kubelet makes them, on the two nodes of a lab. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import type { Pod } from '../../src/api/control-api.ts';
import { makePluginDirectory } from '../support/cni-programs.ts';
import { hasGo } from '../support/go-programs.ts';
import { Containerd } from '../support/containerd.ts';
import type { SandboxConfig } from '../support/cri-client.ts';
import { TestLab } from '../support/test-lab.ts';
import { until } from '../support/until.ts';

// The plugin that maps ports is built from its module.
const testWithGo = hasGo() ? test.serial : test.serial.skip;

const HOST_PORT = 18_080;

/** Containers start, nodes come back, and pods are asked again: on a machine that is busy. */
const DEADLINE_MS = 90_000;

/** A pod with a container that serves a page, and another that asks. */
interface WebPod {
  readonly runtime: Containerd;
  readonly sandbox: string;
  readonly client: string;
  readonly ipv4: string;
  readonly ipv6: string;
}

let lab: TestLab;
let plugins: string | undefined;
const runtimes: Containerd[] = [];
const pods: WebPod[] = [];

test.before(async () => {
  plugins = await makePluginDirectory();
  lab = await TestLab.up('--nodes', '2', '--pods', '0');
  for (const node of ['n1', 'n2']) {
    const { socket, stateDir } = lab.files(node);
    const conflist = {
      cniVersion: '1.0.0',
      name: 'weft',
      plugins: [
        { type: 'weft-cni', socket, spool: join(stateDir, 'cni-spool') },
        ...(hasGo() ? [{ type: 'portmap', backend: 'nftables', capabilities: { portMappings: true } }] : []),
      ],
    };
    runtimes.push(await Containerd.start({ lab, node, plugins, conflist }));
  }
  for (const runtime of runtimes) pods.push(await runWebPod(runtime));
});

test.after.always(async () => {
  for (const runtime of runtimes) await runtime.remove();
  await lab?.down();
  if (plugins !== undefined) rmSync(plugins, { recursive: true });
});

async function runWebPod(runtime: Containerd): Promise<WebPod> {
  const pod: SandboxConfig = runtime.pod(`web-${runtime.node}`, {
    namespace: 'shop',
    ports: [{ hostPort: HOST_PORT, containerPort: 80 }],
  });
  const sandbox = await runtime.cri.runSandbox(pod);
  const page = `echo ${runtime.node} > /www/index.html; exec httpd -f -p 80 -h /www`;
  await runtime.container(sandbox, pod, 'server', 'sh', '-c', page);
  const client = await runtime.container(sandbox, pod, 'client', 'sleep', '3600');
  const [ipv4 = '', ipv6 = ''] = await runtime.cri.addressesOf(sandbox);
  const web = { runtime, sandbox, client, ipv4, ipv6 };
  // A container that was started does not listen yet.
  await untilFetched(web, '127.0.0.1', runtime.node);
  return web;
}

/** What a container of `pod` gets from `host`. */
async function fetched(pod: WebPod, host: string): Promise<string> {
  // Debian's static wget crashes if it is given a time-out of its own.
  const { stdout, stderr } = await pod.runtime.cri.exec(pod.client, 'timeout', '5', 'wget', '-qO-', `http://${host}/`);
  return `${stdout}${stderr}`.trim();
}

/** Waits until a container of `pod` gets this page from `host`. */
async function untilFetched(pod: WebPod, host: string, page: string): Promise<void> {
  let last = '';
  await until(
    `a pod of ${pod.runtime.node} gets ${page} from ${host}`,
    async () => (last = await fetched(pod, host)) === page,
    DEADLINE_MS,
  ).catch((error: unknown) => {
    throw new Error(`${String(error)}; it got ${last}`, { cause: error });
  });
}

async function podsOf(node: string): Promise<Pod[]> {
  return JSON.parse((await lab.tryAsk(node, 'pod', 'list', '--json')).succeeded()) as Pod[];
}

async function reachesBothWays(): Promise<boolean> {
  const [one, two] = pods as [WebPod, WebPod];
  const pages = await Promise.all([fetched(one, two.ipv4), fetched(two, one.ipv4)]);
  return pages.join() === 'n2,n1';
}

test.serial('two containers of a pod share localhost', async (t) => {
  for (const pod of pods) t.is(await fetched(pod, '127.0.0.1'), pod.runtime.node);
});

test.serial('a container reaches one of another node, over IPv4 and IPv6', async (t) => {
  const [one, two] = pods as [WebPod, WebPod];
  for (const [from, to] of [
    [one, two],
    [two, one],
  ] as const) {
    await untilFetched(from, to.ipv4, to.runtime.node);
    await untilFetched(from, `[${to.ipv6}]`, to.runtime.node);
  }
  t.pass();
});

test.serial('weft knows the pod by the name and namespace that the kubelet gave it', async (t) => {
  const [known] = await podsOf('n1');
  t.is(known?.name, 'web-n1');
  t.is(known?.namespace, 'shop');
  t.is(known?.addresses[0], pods[0]!.ipv4);
});

testWithGo('a port of the node leads to the pod', async (t) => {
  const [node] = (await lab.status()).nodes;
  const address = String(node?.endpoint).split(':')[0]!;
  t.is((await lab.exec('n2', 'curl', '-s', '-m', '30', `http://${address}:${HOST_PORT}/`)).trim(), 'n1');
});

test.serial('containerd is killed and started again: pods go on, and a new one is made', async (t) => {
  const [one] = pods as [WebPod];
  await one.runtime.restart();
  t.true(await one.runtime.cri.isReady(one.sandbox));
  await until('the pods reach each other', reachesBothWays, DEADLINE_MS);
  const pod = one.runtime.pod('another');
  const sandbox = await one.runtime.cri.runSandbox(pod);
  t.not((await one.runtime.cri.addressesOf(sandbox))[0], one.ipv4);
  await one.runtime.cri.stopSandbox(sandbox);
  await one.runtime.cri.removeSandbox(sandbox);
});

test.serial('a pod that is removed while no daemon runs is forgotten when it is back', async (t) => {
  const [one] = pods as [WebPod];
  const sandbox = await one.runtime.cri.runSandbox(one.runtime.pod('brief'));
  await lab.lab('kill', 'n1');
  await one.runtime.cri.stopSandbox(sandbox);
  await one.runtime.cri.removeSandbox(sandbox);
  await lab.lab('start', 'n1');
  await lab.answers('n1');
  await until(
    'only the pod that is there is known',
    async () => (await podsOf('n1')).map(({ name }) => name).join() === 'web-n1',
    DEADLINE_MS,
  );
  await until('the pods reach each other again', reachesBothWays, DEADLINE_MS);
  t.pass();
});

test.serial(
  'a node goes down with all its containers: its pods are made anew, and nothing of the old ones is left',
  async (t) => {
    const [one, two] = pods as [WebPod, WebPod];
    await lab.lab('kill', 'n1');
    await one.runtime.crash();
    await lab.lab('start', 'n1');
    await lab.answers('n1');
    // As the kubelet does it: the new sandbox first.
    const anew = await runWebPod(one.runtime);
    await one.runtime.cri.stopSandbox(one.sandbox);
    await one.runtime.cri.removeSandbox(one.sandbox);
    pods[0] = anew;
    await until('the pods reach each other again', reachesBothWays, DEADLINE_MS);
    await untilFetched(two, anew.ipv4, 'n1');
    await until('the old pod is forgotten', async () => (await podsOf('n1')).length === 1, DEADLINE_MS);
    t.deepEqual(
      (await podsOf('n1')).map(({ name, addresses }) => [name, ...addresses]),
      [['web-n1', anew.ipv4, anew.ipv6]],
    );
  },
);

test.serial('a stopped pod leaves no interface and no lease', async (t) => {
  const [one] = pods as [WebPod];
  await one.runtime.cri.stopSandbox(one.sandbox);
  await one.runtime.cri.removeSandbox(one.sandbox);
  // A plugin that found no place at the daemon's door leaves the removal to it.
  await until('no pod is left', async () => (await podsOf('n1')).length === 0, DEADLINE_MS);
  await until('no interface is left', async () => !(await lab.exec('n1', 'ip', '-br', 'link')).includes('wf'));
  t.pass();
});
