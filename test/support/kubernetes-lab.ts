/**
 * A lab of two nodes whose daemons ask Kubernetes, as far as policies and services need it: the API server is a script on n1, and kubelets and container
 * runtimes are played by the test. Policies and pods are of the namespace `shop`, unless another is named.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ApiPlace } from '../../src/kubernetes/api-place.ts';
import { CniRuntime } from './cni-runtime.ts';
import { kubeconfigOf } from './kubeconfig.ts';
import type { ObjectLine } from './kubernetes-double.ts';
import type { Program } from './program.ts';
import { TestLab } from './test-lab.ts';
import { until } from './until.ts';

const script = fileURLToPath(new URL('./kubernetes-script.ts', import.meta.url));

/** Of n1 on the underlay. */
const ADDRESS = '198.18.0.1';

const NOBODYS_PORT = 1;

const SHOP = 'shop';

/** Table of nftables on n1 while the API server is away. */
const AWAY = 'api-is-away';

const nodes = ['n1', 'n2'] as const;
export type NodeName = (typeof nodes)[number];

/** All containers of a pod have this port. */
const containers = [{ ports: [{ name: 'http', containerPort: 80 }] }];

export class KubernetesLab {
  readonly lab: TestLab;
  /** For files of the test. */
  readonly directory = mkdtempSync(join(tmpdir(), 'weft-kubernetes-lab-'));
  readonly #flags: readonly string[];
  readonly #hasServices: boolean;
  readonly #runtimes: Readonly<Record<NodeName, CniRuntime>>;
  readonly #daemons = new Map<NodeName, Program>();
  /** Pods by their names: where they are, and their addresses. */
  readonly #pods = new Map<string, { readonly node: NodeName; readonly address: string }>();
  #api: Program | undefined;
  #place: ApiPlace | undefined;

  private constructor(lab: TestLab, flags: readonly string[], hasServices: boolean) {
    this.lab = lab;
    this.#flags = flags;
    this.#hasServices = hasServices;
    this.#runtimes = { n1: new CniRuntime(lab, 'n1'), n2: new CniRuntime(lab, 'n2') };
  }

  /** Both daemons answer. Whoever called it calls {@link down}. @param flags more of the daemons' */
  static async up(namespaces: readonly string[], ...flags: readonly string[]): Promise<KubernetesLab> {
    return await KubernetesLab.#up(namespaces, flags, false);
  }

  /** The same, with services of weft. The kubeconfig names a port at which nobody is: daemons find the server without it. */
  static async upWithServices(...namespaces: readonly string[]): Promise<KubernetesLab> {
    return await KubernetesLab.#up(namespaces, [], true);
  }

  static async #up(
    namespaces: readonly string[],
    flags: readonly string[],
    hasServices: boolean,
  ): Promise<KubernetesLab> {
    const lab = new KubernetesLab(await TestLab.up('--nodes', '2', '--pods', '0'), flags, hasServices);
    try {
      await lab.#begin(namespaces);
    } catch (error) {
      await lab.down();
      throw error;
    }
    return lab;
  }

  async down(): Promise<void> {
    for (const runtime of Object.values(this.#runtimes)) await runtime.remove();
    // It removes its files when nobody tells it anything any more.
    this.#api?.child.stdin.end();
    await this.#api?.ends();
    await this.lab.down();
    rmSync(this.directory, { recursive: true, force: true });
  }

  async #begin(namespaces: readonly string[]): Promise<void> {
    const api = this.lab.background('n1', process.execPath, script, ADDRESS);
    this.#api = api;
    await until('the API server says where it is', () => api.stdout.includes('\n'));
    this.#place = JSON.parse(api.stdout) as ApiPlace;
    const told = this.#hasServices ? { ...this.#place, port: NOBODYS_PORT } : this.#place;
    writeFileSync(join(this.directory, 'kubeconfig'), kubeconfigOf(told));
    for (const name of nodes)
      this.tell({ resource: 'nodes', object: { metadata: { name, uid: `u-${name}` } as never } });
    for (const name of namespaces) this.tell({ resource: 'namespaces', object: { metadata: { name } } });
    for (const node of nodes) {
      await this.lab.tryLab('stop', node);
      this.start(node);
    }
    await Promise.all(nodes.map(async (node) => this.lab.answers(node)));
  }

  /** Starts the daemon of a node. @param asksKubernetes `false`: as if there were none. */
  start(node: NodeName, asksKubernetes = true): Program {
    const kubernetes = ['--kubernetes-enabled', 'on', '--kubernetes-kubeconfig', join(this.directory, 'kubeconfig')];
    const { host, port } = this.#place!;
    const services = ['--services-enabled', 'on', '--kubernetes-api-server', `${host}:${port}`];
    if (this.#hasServices) kubernetes.push(...services);
    const daemon = this.lab.daemon(node, ...(asksKubernetes ? kubernetes : []), ...this.#flags);
    this.#daemons.set(node, daemon);
    return daemon;
  }

  /** The one that was started last. */
  daemon(node: NodeName): Program {
    return this.#daemons.get(node)!;
  }

  /** Of an object that is another one now, or gone. */
  tell(line: ObjectLine): void {
    this.#api!.child.stdin.write(`${JSON.stringify(line)}\n`);
  }

  tellPod(nodeName: NodeName, name: string, labels: object, namespace = SHOP): void {
    const metadata = { namespace, name, uid: `u-${name}`, labels };
    this.tell({ resource: 'pods', object: { metadata, spec: { nodeName, containers } } as never });
  }

  tellPolicy(name: string, spec: object): void {
    this.tell({ resource: 'networkpolicies', object: { metadata: { namespace: SHOP, name }, spec } });
  }

  /** A Service, as the API server has it with its addresses. */
  tellService(name: string, spec: object): void {
    this.tell({ resource: 'services', object: { metadata: { namespace: SHOP, name }, spec } });
  }

  /** The EndpointSlice of a service of that name. */
  tellSlice(service: string, ports: readonly object[], endpoints: readonly object[]): void {
    const labels = { 'kubernetes.io/service-name': service };
    const metadata = { namespace: SHOP, name: `${service}-x`, labels };
    this.tell({ resource: 'endpointslices', object: { metadata, addressType: 'IPv4', ports, endpoints } as never });
  }

  removePolicy(name: string): void {
    this.tell({ resource: 'networkpolicies', object: { metadata: { namespace: SHOP, name } }, isGone: true });
  }

  /** The API server answers nobody any more, and who watches it is cut off. */
  async withdrawApi(): Promise<void> {
    const { port } = this.#place!;
    const rules = `table inet ${AWAY} { chain input { type filter hook input priority 0; tcp dport ${port} reject with tcp reset; }; }`;
    await this.lab.exec('n1', 'nft', rules);
  }

  /** It answers again. */
  async returnApi(): Promise<void> {
    await this.lab.exec('n1', 'nft', 'delete', 'table', 'inet', AWAY);
  }

  /** As a runtime attaches a pod, which does not know labels. */
  async attach(node: NodeName, name: string, namespace = SHOP): Promise<void> {
    const runtime = this.#runtimes[node];
    await runtime.make(name);
    const CNI_ARGS = `IgnoreUnknown=1;K8S_POD_NAMESPACE=${namespace};K8S_POD_NAME=${name};K8S_POD_UID=u-${name}`;
    const { ips } = await runtime.add({ container: name, env: { CNI_ARGS } });
    this.#pods.set(name, { node, address: ips[0]!.address.split('/')[0]! });
  }

  addressOf(pod: string): string {
    return this.#pods.get(pod)!.address;
  }

  /** By one ping: a connection of its own. */
  async reaches(from: string, to: string): Promise<boolean> {
    return await this.#runtimes[this.#pods.get(from)!.node].reaches(from, this.addressOf(to));
  }

  async untilReaches(from: string, to: string): Promise<void> {
    await until(`${from} reaches ${to}`, async () => this.reaches(from, to));
  }

  async untilDenied(from: string, to: string): Promise<void> {
    await until(`${from} does not reach ${to}`, async () => !(await this.reaches(from, to)));
  }
}
