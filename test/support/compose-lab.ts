/** The compose files of the project, run by an engine of a test's own, from an image that needs no registry. */
import { copyFileSync, existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { DockerEngine } from './docker-engine.ts';
import { runProgram, type ProgramResult } from './program.ts';

const ROOT = join(import.meta.dirname, '..', '..');

/** Debian with what the Dockerfile would install, and curl to ask pods with. Made once on a machine: that takes half a minute. */
const BASE_TAR = '/var/cache/weft/test-base-bookworm-2.tar';
const BASE_PACKAGES = 'iproute2,nftables,conntrack,curl';

/** Stands for the image of that name in a registry. */
const BASE_IMAGE = 'debian:bookworm-slim';

export class ComposeLab {
  readonly engine: DockerEngine;
  /** Where the compose files are. Its name is that of the compose project. */
  readonly directory: string;
  #files: readonly string[] = ['docker-compose.yml'];

  private constructor(engine: DockerEngine) {
    this.engine = engine;
    this.directory = join(engine.directory, 'lab');
  }

  /** Copies the files, builds what goes into the image, and gives the engine its base image. */
  static async prepare(engine: DockerEngine): Promise<ComposeLab> {
    const lab = new ComposeLab(engine);
    mkdirSync(join(lab.directory, 'dist'), { recursive: true });
    for (const file of ['Dockerfile', '.dockerignore', 'docker-compose.yml', 'docker-compose.attach.yml'])
      copyFileSync(join(ROOT, file), join(lab.directory, file));
    const tree = runProgram([join(ROOT, 'scripts', 'image-tree'), join(lab.directory, 'dist', 'image')]);
    await makeBase();
    await engine.docker('import', BASE_TAR, BASE_IMAGE);
    (await tree).succeeded();
    return lab;
  }

  /** From now on, these files say what there is. */
  use(...files: readonly string[]): void {
    this.#files = files;
  }

  /** `docker-compose ARGS`, whatever the exit code. */
  async try(...args: readonly string[]): Promise<ProgramResult> {
    // Another Compose, by its path, for who has one: TEST_COMPOSE='docker compose'.
    const compose = (process.env['TEST_COMPOSE'] ?? 'docker-compose').split(' ');
    const files = this.#files.flatMap((file) => ['--file', join(this.directory, file)]);
    const settings = [
      `WEFT_BUILD=${BASE_IMAGE}`,
      'WEFT_PREBUILT=dist/image',
      `WEFT_DOCKER_SOCKET=${this.engine.socket}`,
    ];
    return await runProgram(this.engine.command(...settings, ...compose, ...files, ...args));
  }

  /** `docker-compose ARGS`, which has to succeed. Gives what it printed. */
  async compose(...args: readonly string[]): Promise<string> {
    return (await this.try(...args)).succeeded();
  }

  /** A command in the container of a service, whatever its exit code. Not by Compose, which is ten times as slow. */
  async tryExec(service: string, ...argv: readonly string[]): Promise<ProgramResult> {
    return await this.engine.try('exec', await this.container(service), ...argv);
  }

  /** A command in the container of a service, which has to succeed. Gives what it printed. */
  async exec(service: string, ...argv: readonly string[]): Promise<string> {
    return (await this.tryExec(service, ...argv)).succeeded();
  }

  /** Id of the container that a service has, running or not. */
  async container(service: string): Promise<string> {
    // Its image may have the name of a service as well, and so other containers; only its own has a number.
    const labels = [`service=${service}`, 'container-number=1'];
    const filter = labels.flatMap((label) => ['--filter', `label=com.docker.compose.${label}`]);
    return (await this.engine.docker('ps', '--all', '--quiet', ...filter)).trim();
  }
}

async function makeBase(): Promise<void> {
  if (existsSync(BASE_TAR)) return;
  mkdirSync('/var/cache/weft', { recursive: true, mode: 0o700 });
  const draft = `${BASE_TAR}.${process.pid}.tar`;
  const without = ['doc', 'man', 'locale'].map((name) => `--dpkgopt=path-exclude=/usr/share/${name}/*`);
  const slim = '--customize-hook=rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/*';
  try {
    const options = ['--quiet', '--variant=minbase', `--include=${BASE_PACKAGES}`, ...without, slim];
    (await runProgram(['mmdebstrap', ...options, 'bookworm', draft])).succeeded();
    renameSync(draft, BASE_TAR);
  } finally {
    rmSync(draft, { force: true });
  }
}
