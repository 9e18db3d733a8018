/** A cluster of kind with weft as its pod network, installed as on any cluster: by its manifests, with its image. */
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { ConflictError } from '../../src/errors.ts';
import { runHere } from '../cluster/command-line.ts';
import { weft } from '../cluster/pod-network.ts';
import type { Progress } from '../cluster/programs.ts';
import { runProgram, type ProgramResult } from '../support/program.ts';
import { kindConfiguration } from './cluster-file.ts';
import { poolsOf } from './docker-network.ts';
import type { Engine } from './engine.ts';
import { kindProgram } from './kind-program.ts';
import { MachineEngine } from './machine-engine.ts';
import { checkOwnEngine, OwnEngine, removeOwnEngine } from './own-engine.ts';
import {
  createKindDirectory,
  findKind,
  kindDirectory,
  loadKind,
  removeKindDirectory,
  type KindSpec,
} from './places.ts';

/** How long each step may take, on a busy machine. */
const READY_DEADLINE = '300s';

/** Lines of what kind said that explain why it failed. */
const LOG_TAIL_LINES = 30;

export class KindCluster {
  readonly spec: KindSpec;
  readonly directory: string;
  readonly #engine: Engine;
  readonly #kind: string;

  private constructor(spec: KindSpec, engine: Engine, kind: string) {
    this.spec = spec;
    this.directory = kindDirectory(spec.name);
    this.#engine = engine;
    this.#kind = kind;
  }

  /** One that is up. @throws NotFoundError `cluster-not-found` */
  static async open(name: string, progress: Progress = () => {}): Promise<KindCluster> {
    const spec = loadKind(name);
    const kubeconfig = join(kindDirectory(name), 'kubeconfig');
    const engine = spec.hasOwnEngine
      ? await OwnEngine.open(name, kubeconfig, progress)
      : new MachineEngine(spec, kubeconfig);
    return new KindCluster(spec, engine, await kindProgram());
  }

  /**
   * Makes a cluster, installs weft, and waits until all nodes are ready. What fails half-way is taken down again.
   *
   * @param progress told each step as it begins.
   * @param interruption ends the attempt as an error does.
   * @throws ConflictError `cluster-exists`; RequirementError; Error with what a program said.
   */
  static async up(
    spec: KindSpec,
    progress: Progress = () => {},
    interruption = new AbortController().signal,
  ): Promise<KindCluster> {
    if (spec.hasOwnEngine) await checkOwnEngine();
    else await new MachineEngine(spec, '').check();
    createKindDirectory(spec);
    let cluster: KindCluster | undefined;
    try {
      cluster = await KindCluster.open(spec.name, progress);
      await cluster.#create(progress, interruption);
      return cluster;
    } catch (error) {
      const pods = (await cluster?.try('kubectl', 'get', 'pods', '--all-namespaces'))?.stdout ?? '';
      await takeDown(spec.name);
      // It says what it waited for, and they say why in vain.
      throw pods === '' ? error : new Error(`${(error as Error).message}\n${pods}`, { cause: error });
    }
  }

  get kubeconfig(): string {
    return join(this.directory, 'kubeconfig');
  }

  /** A command with the engine and the cluster at hand, as arguments of a process: `docker`, `kind`, `kubectl`. */
  inside(argv: readonly string[]): string[] {
    return this.#engine.command(...argv);
  }

  /** Runs such a command, whatever the exit code. */
  async try(...argv: readonly string[]): Promise<ProgramResult> {
    return await runProgram(this.inside(argv));
  }

  /** As {@link try}, and it has to succeed. Gives what it printed. */
  async exec(...argv: readonly string[]): Promise<string> {
    return (await this.try(...argv)).succeeded();
  }

  /** `weft kubernetes check`, with this process's output. @returns its exit code */
  async check(): Promise<number> {
    return await runHere(this.inside([...weft, 'kubernetes', 'check', '--timeout', '5m']));
  }

  /** Gives the nodes another image of weft, from this checkout, and has the daemons replaced by it. */
  async load(progress: Progress): Promise<void> {
    await this.#loadImage(progress);
    await this.exec('kubectl', '--namespace', 'weft', 'rollout', 'restart', 'daemonset/weft');
    progress('daemons are replaced, one node after the other');
    await this.#rolledOut('weft', 'daemonset/weft');
  }

  /** Gives the nodes an image, from an archive. */
  async loadArchive(archive: string): Promise<void> {
    await this.exec(this.#kind, 'load', 'image-archive', archive, '--name', this.spec.name);
  }

  async #create(progress: Progress, interruption: AbortSignal): Promise<void> {
    const { spec, directory } = this;
    if (this.#engine instanceof OwnEngine) {
      progress('a container engine of its own');
      await this.#engine.start();
    } else await this.#refuseExisting();
    interruption.throwIfAborted();
    const image = await this.#engine.nodeImage(progress);
    interruption.throwIfAborted();
    const file = join(directory, 'kind.yaml');
    writeFileSync(file, kindConfiguration({ ...spec, hasProxy: spec.hasServices !== true }, image?.images));
    progress(`kind makes a cluster of ${spec.nodes} nodes`);
    await this.#createNodes(['--config', file, ...(image === undefined ? [] : ['--image', image.name])], interruption);
    await this.#loadImage(progress);
    interruption.throwIfAborted();
    progress('weft, by its manifests');
    const options = spec.hasServices === true ? await this.#serviceOptions() : [];
    const manifest = (await runProgram([...weft, 'kubernetes', 'manifest', '--kind', ...options])).succeeded();
    const apply = this.inside(['kubectl', 'apply', '-f', '-']);
    (await runProgram(apply, { input: manifest })).succeeded();
    progress('nodes become ready');
    await this.#rolledOut('weft', 'daemonset/weft');
    await this.exec('kubectl', 'wait', '--for=condition=Ready', 'node', '--all', `--timeout=${READY_DEADLINE}`);
    await this.#rolledOut('kube-system', 'deployment/coredns');
    interruption.throwIfAborted();
  }

  /** Of the engine of others, one that they made stays. */
  async #refuseExisting(): Promise<void> {
    const names = (await this.exec(this.#kind, 'get', 'clusters')).trim().split('\n');
    if (!names.includes(this.spec.name)) return;
    // Not ours to take down when this fails.
    rmSync(join(this.directory, 'cluster.json'));
    const message = `kind has a cluster ${this.spec.name} that was not made here: choose another --name, or remove it with: kind delete cluster --name ${this.spec.name}`;
    throw new ConflictError('cluster-exists', message);
  }

  async #createNodes(options: readonly string[], interruption: AbortSignal): Promise<void> {
    const { name } = this.spec;
    // Nodes stay when it fails, and go with the rest: what they say is looked at before.
    const create = ['create', 'cluster', '--name', name, '--kubeconfig', this.kubeconfig, '--retain', ...options];
    const [program = '', ...args] = this.inside([this.#kind, ...create]);
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], signal: interruption });
    let said = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (said += chunk.toString()));
    const [code] = (await once(child, 'close')) as [number | null];
    if (code === 0) return;
    throw new Error(`kind create cluster ended with ${code}: ${said.split('\n').slice(-LOG_TAIL_LINES).join('\n')}`);
  }

  async #serviceOptions(): Promise<string[]> {
    const { name, provider } = this.spec;
    const pools = poolsOf(await this.exec(provider, 'network', 'inspect', 'kind'));
    // Its name is known to the engine's DNS, and its address may be another after a restart.
    const server = `${name}-control-plane:6443`;
    return ['--services', '--api-server', server, '--load-balancer-pool', ...pools];
  }

  async #loadImage(progress: Progress): Promise<void> {
    const archive = await this.#engine.weftImage(this.directory, progress);
    progress('giving the nodes the image of weft');
    await this.loadArchive(archive);
    rmSync(archive);
  }

  async #rolledOut(namespace: string, what: string): Promise<void> {
    const wait = ['rollout', 'status', what, `--timeout=${READY_DEADLINE}`];
    await this.exec('kubectl', '--namespace', namespace, ...wait);
  }
}

/** Removes a cluster, and its engine if it has one of its own. @returns whether there was anything to remove */
export async function takeDown(name: string): Promise<boolean> {
  const directory = kindDirectory(name);
  const existed = existsSync(directory);
  const spec = existed ? findKind(name) : undefined;
  if (spec?.hasOwnEngine === false) {
    const engine = new MachineEngine(spec, join(directory, 'kubeconfig'));
    const remove = engine.command(await kindProgram(), 'delete', 'cluster', '--name', name);
    (await runProgram(remove)).succeeded();
  }
  // Also what is left of one whose files are gone.
  const { processes } = await removeOwnEngine(name);
  removeKindDirectory(name);
  return existed || processes > 0;
}
