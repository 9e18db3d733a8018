/** The compose files of the project, run by an engine of a test's own, from an image that needs no registry. */
import { copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { debianBase } from './debian-base.ts';
import type { DockerEngine } from './docker-engine.ts';
import { runProgram, type ProgramResult } from './program.ts';

const ROOT = join(import.meta.dirname, '..', '..');

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
    await engine.docker('import', await debianBase(), BASE_IMAGE);
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
