/** A container runtime, as far as CNI goes: network namespaces, and the plugin as a program of its own. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SPOOL_DIRECTORY } from '../../src/linux/cni-spool.ts';
import { runProgram, type ProgramResult } from './program.ts';
import type { TestLab } from './test-lab.ts';
import { until } from './until.ts';

const plugin = fileURLToPath(new URL('../../src/cni/main.ts', import.meta.url));

/** A result of ADD. */
export interface AddResult {
  readonly cniVersion: string;
  readonly interfaces: readonly { name: string; mac?: string; mtu?: number; sandbox?: string }[];
  readonly ips: readonly { address: string; gateway?: string; interface?: number; version?: string }[];
  readonly routes: readonly { dst: string; gw?: string }[];
  readonly dns: object;
}

/** An error of the plugin. */
export interface PluginError {
  readonly code: number;
  readonly msg: string;
  readonly details?: string;
}

/** Which interface of which container; what is left out is usual. */
export interface Call {
  readonly container: string;
  readonly interface?: string;
  /** More of the configuration. */
  readonly conf?: object;
  /** Variables, in place of the usual ones. */
  readonly env?: Readonly<Record<string, string>>;
}

export class CniRuntime {
  readonly lab: TestLab;
  readonly node: string;
  /** Directory with the plugin, as runtimes have it. */
  readonly binDirectory = mkdtempSync(join(tmpdir(), 'weft-cni-'));
  readonly #namespaces = new Set<string>();

  constructor(lab: TestLab, node: string) {
    this.lab = lab;
    this.node = node;
    const script = `#!/bin/sh\nexec ${process.execPath} ${plugin} "$@"\n`;
    writeFileSync(join(this.binDirectory, 'weft-cni'), script, { mode: 0o755 });
  }

  /** The configuration of a network. */
  conf(more: object = {}): object {
    const { socket, stateDir } = this.lab.files(this.node);
    const own = {
      cniVersion: '1.1.0',
      name: 'overlay',
      type: 'weft-cni',
      socket,
      spool: join(stateDir, SPOOL_DIRECTORY),
    };
    return { ...own, ...more };
  }

  /** Name of the network namespace of a container. */
  netns(container: string): string {
    return `${this.lab.name}-${container}`;
  }

  /** Makes a network namespace for a container. */
  async make(...containers: readonly string[]): Promise<void> {
    for (const container of containers) {
      (await runProgram(['ip', 'netns', 'add', this.netns(container)])).succeeded();
      this.#namespaces.add(container);
    }
  }

  /** Ends a container: its network namespace goes. */
  async end(container: string): Promise<void> {
    this.#namespaces.delete(container);
    (await runProgram(['ip', 'netns', 'delete', this.netns(container)])).succeeded();
  }

  /** Runs the plugin, whatever its exit code. */
  async call(verb: string, { container, interface: name = 'eth0', conf, env }: Call): Promise<ProgramResult> {
    const variables: Readonly<Record<string, string>> = {
      CNI_COMMAND: verb,
      CNI_CONTAINERID: container,
      CNI_NETNS: `/run/netns/${this.netns(container)}`,
      CNI_IFNAME: name,
      CNI_PATH: `${this.binDirectory}:/usr/lib/cni`,
      ...env,
    };
    const given = Object.entries(variables).map(([key, value]) => `${key}=${value}`);
    const argv = ['env', '-i', `PATH=${process.env['PATH'] ?? ''}`, ...given, join(this.binDirectory, 'weft-cni')];
    return await runProgram(argv, { input: JSON.stringify(this.conf(conf)) });
  }

  /** Runs the plugin, which has to succeed. Gives what it wrote. */
  async run(verb: string, call: Call): Promise<string> {
    const { exitCode, stdout, stderr } = await this.call(verb, call);
    if (exitCode !== 0) throw new Error(`${verb} of ${call.container}: ${stdout} ${stderr}`);
    return stdout;
  }

  async add(call: Call): Promise<AddResult> {
    return JSON.parse(await this.run('ADD', call)) as AddResult;
  }

  /** Runs the plugin, which has to fail. Gives its error. */
  async error(verb: string, call: Call): Promise<PluginError> {
    const { exitCode, stdout, stderr } = await this.call(verb, call);
    if (exitCode !== 1) throw new Error(`${verb} of ${call.container} ended with ${exitCode}: ${stdout} ${stderr}`);
    return JSON.parse(stdout) as PluginError;
  }

  /** A command in the network namespace of a container. */
  async exec(container: string, ...argv: readonly string[]): Promise<ProgramResult> {
    return await runProgram(['nsenter', `--net=/run/netns/${this.netns(container)}`, '--', ...argv]);
  }

  /** Whether an echo comes back to the container, from this address of its own if one is named. */
  async reaches(container: string, address: string, from?: string): Promise<boolean> {
    const source = from === undefined ? [] : ['-I', from];
    return (await this.exec(container, 'ping', '-n', '-q', '-c', '1', '-W', '1', ...source, address)).exitCode === 0;
  }

  /** Waits until {@link reaches} is so: one echo may be late on a busy machine. */
  async untilReaches(container: string, address: string, from?: string): Promise<void> {
    const way = from === undefined ? container : `${container} (${from})`;
    await until(`${way} reaches ${address}`, async () => this.reaches(container, address, from));
  }

  /** Ends all containers. */
  async remove(): Promise<void> {
    for (const container of this.#namespaces) await this.end(container);
    rmSync(this.binDirectory, { recursive: true, force: true });
  }
}
