/**
 * etcd and kube-apiserver: the part of a control plane that keeps objects and tells others of them. Alone it is enough for what only talks to
 * the API; nothing is scheduled, and no controller runs.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../support/free-port.ts';
import { runProgram, type ProgramResult } from '../support/program.ts';
import { until } from '../support/until.ts';
import { Background } from './background.ts';
import { Credentials, makeCredentials } from './credentials.ts';
import { etcdProgram } from './etcd.ts';
import { kubernetesPrograms, type Progress } from './programs.ts';

/** Of the addresses of services, which exist as rules of kube-proxy alone. */
export const SERVICE_RANGES = '10.96.0.0/16,fd00:10:96::/112';

/** On a busy machine. */
const START_DEADLINE_MS = 120_000;

/** Where an API server is, and whom it serves. */
export interface ApiServerPlan {
  /** For data, logs and credentials; it is made. */
  readonly directory: string;
  /** Path of the network namespace; otherwise the caller's. */
  readonly netns?: string;
  /** At which it is reached; the first one is in its kubeconfigs. */
  readonly addresses: readonly string[];
  readonly ports: ApiServerPorts;
  /** Names of nodes, whose kubelets get credentials. */
  readonly nodes: readonly string[];
  /** Whether its programs end with this process: tests that are killed leave none behind. */
  readonly isTied?: boolean;
}

export interface ApiServerPorts {
  readonly api: number;
  readonly etcd: number;
  readonly etcdPeers: number;
}

/** In a network namespace of its own it has the usual ones. */
export const USUAL_PORTS: ApiServerPorts = { api: 6443, etcd: 2379, etcdPeers: 2380 };

export class ApiServer {
  readonly credentials: Credentials;
  readonly #plan: ApiServerPlan;
  readonly #programs: string;
  readonly #background: Background;

  /** That is there already, in the plan's directory. Use {@link start} for a new one. */
  constructor(plan: ApiServerPlan, programs: string) {
    this.#plan = plan;
    this.#programs = programs;
    this.#background = new Background(join(plan.directory, 'control-plane'));
    this.credentials = new Credentials(join(plan.directory, 'credentials'));
  }

  /**
   * Makes credentials, starts both programs, and waits until they answer. What is not built yet is built, which takes minutes: see
   * `programs.ts`. Whoever called it calls {@link stop}, whatever happens.
   *
   * @throws Error if a program is missing or ends; nothing runs then.
   */
  static async start(plan: ApiServerPlan, progress: Progress = () => {}): Promise<ApiServer> {
    const server = new ApiServer(plan, await kubernetesPrograms(progress));
    const etcd = await etcdProgram();
    mkdirSync(plan.directory, { recursive: true, mode: 0o700 });
    const { addresses, nodes } = plan;
    await makeCredentials(server.credentials.directory, {
      url: server.url,
      addresses: [...addresses, '127.0.0.1'],
      nodes,
    });
    try {
      server.#startEtcd(etcd);
      server.#startApi();
      await server.answers();
    } catch (error) {
      await server.stop();
      throw error;
    }
    return server;
  }

  /** An API server for a test of its own, in the caller's network namespace, at 127.0.0.1 and free ports. */
  static async startForTest(directory: string, nodes: readonly string[] = []): Promise<ApiServer> {
    const ports = { api: await freePort(), etcd: await freePort(), etcdPeers: await freePort() };
    return await ApiServer.start({ directory, addresses: ['127.0.0.1'], ports, nodes, isTied: true });
  }

  get url(): string {
    const [address = ''] = this.#plan.addresses;
    return `https://${address.includes(':') ? `[${address}]` : address}:${this.#plan.ports.api}`;
  }

  /** Directory of `kubectl` and the others. */
  get programs(): string {
    return this.#programs;
  }

  /** `kubectl ARGS` as the administrator, whatever the exit code. */
  async try(...args: readonly string[]): Promise<ProgramResult> {
    return await runProgram(this.kubectlCommand(...args));
  }

  /** `kubectl ARGS`, which has to succeed. Gives what it printed. */
  async kubectl(...args: readonly string[]): Promise<string> {
    return (await this.try(...args)).succeeded();
  }

  /** `kubectl apply` of objects, or of a manifest in YAML. */
  async apply(manifest: string | readonly object[]): Promise<void> {
    const list = { apiVersion: 'v1', kind: 'List', items: manifest };
    const input = typeof manifest === 'string' ? manifest : JSON.stringify(list);
    (await runProgram(this.kubectlCommand('apply', '-f', '-'), { input })).succeeded();
  }

  /** An object, or a list of them, as the API server has it. The caller vouches for the type. */
  async get<Answer>(...args: readonly string[]): Promise<Answer> {
    return JSON.parse(await this.kubectl('get', '-o', 'json', ...args)) as Answer;
  }

  /** `kubectl ARGS`, as arguments of a process. */
  kubectlCommand(...args: readonly string[]): string[] {
    return this.inside([
      join(this.#programs, 'kubectl'),
      '--kubeconfig',
      this.credentials.kubeconfig('admin'),
      ...args,
    ]);
  }

  /** A command in the network namespace of the API server, as arguments of a process. */
  inside(argv: readonly string[]): string[] {
    const { netns } = this.#plan;
    return netns === undefined ? [...argv] : ['nsenter', `--net=${netns}`, '--', ...argv];
  }

  /** Waits until it says that it is ready. @throws Error with the end of a log if a program has ended. */
  async answers(): Promise<void> {
    await until(
      'the API server is ready',
      async () => {
        for (const name of ['etcd', 'kube-apiserver']) this.#background.mustRun(name);
        return (await this.try('get', '--raw', '/readyz')).exitCode === 0;
      },
      START_DEADLINE_MS,
    );
  }

  /** Ends kube-apiserver alone: nobody is told anything any more. */
  async endApi(signal: 'SIGTERM' | 'SIGKILL' = 'SIGKILL'): Promise<void> {
    await this.#background.end(signal, 'kube-apiserver');
  }

  /** Starts it again after {@link endApi}, with the objects that it had. */
  async startApi(): Promise<void> {
    this.#startApi();
    await this.answers();
  }

  /** Ends both. The directory stays. */
  async stop(): Promise<void> {
    await this.#background.end('SIGKILL', 'kube-apiserver', 'etcd');
  }

  #startEtcd(program: string): void {
    const { ports, directory } = this.#plan;
    const [clients, peers] = [`http://127.0.0.1:${ports.etcd}`, `http://127.0.0.1:${ports.etcdPeers}`];
    this.#run('etcd', [
      program,
      `--data-dir=${join(directory, 'etcd')}`,
      '--unsafe-no-fsync',
      '--log-level=warn',
      `--listen-client-urls=${clients}`,
      `--advertise-client-urls=${clients}`,
      `--listen-peer-urls=${peers}`,
      `--initial-advertise-peer-urls=${peers}`,
      `--initial-cluster=default=${peers}`,
    ]);
  }

  #startApi(): void {
    const { credentials } = this;
    const { ports, addresses } = this.#plan;
    this.#run('kube-apiserver', [
      join(this.#programs, 'kube-apiserver'),
      `--etcd-servers=http://127.0.0.1:${ports.etcd}`,
      `--advertise-address=${addresses[0]}`,
      `--bind-address=${addresses[0] === '127.0.0.1' ? '127.0.0.1' : '::'}`,
      `--secure-port=${ports.api}`,
      `--tls-cert-file=${credentials.path('apiserver.crt')}`,
      `--tls-private-key-file=${credentials.path('apiserver.key')}`,
      `--client-ca-file=${credentials.authority}`,
      `--token-auth-file=${credentials.tokens}`,
      `--kubelet-client-certificate=${credentials.path('apiserver-kubelet.crt')}`,
      `--kubelet-client-key=${credentials.path('apiserver-kubelet.key')}`,
      '--kubelet-preferred-address-types=InternalIP',
      `--service-account-key-file=${credentials.path('sa.pub')}`,
      `--service-account-signing-key-file=${credentials.path('sa.key')}`,
      '--service-account-issuer=https://kubernetes.default.svc.cluster.local',
      `--service-cluster-ip-range=${SERVICE_RANGES}`,
      '--authorization-mode=Node,RBAC',
      '--enable-admission-plugins=NodeRestriction',
      '--allow-privileged=true',
      // Endpoints cannot be addresses of the machine alone, so the service of the API server has none then.
      ...(addresses[0] === '127.0.0.1' ? ['--endpoint-reconciler-type=none'] : []),
    ]);
  }

  #run(name: string, argv: readonly string[]): void {
    const tied = this.#plan.isTied === true ? ['setpriv', '--pdeathsig', 'KILL', '--'] : [];
    this.#background.start(name, [...tied, ...this.inside(argv)]);
  }
}
