/** The engine that the machine has: kind and images work as its users know them. */
import { copyFileSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { RequirementError } from '../../src/errors.ts';
import type { Progress } from '../cluster/programs.ts';
import { runProgram } from '../support/program.ts';
import { WEFT_IMAGE, type Engine, type NodeImage } from './engine.ts';
import type { KindSpec } from './places.ts';

const repository = fileURLToPath(new URL('../..', import.meta.url));

/** What the image is built on, and what it consists of beside weft. */
const BASE_IMAGE = 'debian:bookworm-slim';

/** Whether an engine answers. */
export async function engineAnswers(provider: KindSpec['provider']): Promise<boolean> {
  return (await runProgram([provider, 'info'])).exitCode === 0;
}

export class MachineEngine implements Engine {
  readonly #spec: KindSpec;
  readonly #environment: readonly string[];

  constructor(spec: KindSpec, kubeconfig: string) {
    this.#spec = spec;
    this.#environment = [`KUBECONFIG=${kubeconfig}`, `KIND_EXPERIMENTAL_PROVIDER=${spec.provider}`];
  }

  /** @throws RequirementError if a program is missing, or the engine does not answer */
  async check(): Promise<void> {
    const { provider } = this.#spec;
    if (!(await engineAnswers(provider)))
      throw new RequirementError(
        'engine-missing',
        `${provider} does not answer: start it, or see --help for an engine of the cluster's own`,
      );
    if ((await runProgram(['kubectl', 'version', '--client'])).exitCode !== 0)
      throw new RequirementError('kubectl-missing', 'kubectl is missing: https://kubernetes.io/docs/tasks/tools');
  }

  command(...argv: readonly string[]): string[] {
    return ['env', ...this.#environment, ...argv];
  }

  nodeImage(): Promise<NodeImage | undefined> {
    const { nodeImage } = this.#spec;
    return Promise.resolve(nodeImage === undefined ? undefined : { name: nodeImage });
  }

  async weftImage(directory: string, progress: Progress): Promise<string> {
    progress(`building the image of weft by ${this.#spec.provider}`);
    const [context, file] = [join(directory, 'context'), join(directory, 'weft.tar')];
    try {
      mkdirSync(join(context, 'dist'), { recursive: true });
      for (const name of ['Dockerfile', '.dockerignore']) copyFileSync(join(repository, name), join(context, name));
      await succeed(join(repository, 'scripts/image-tree'), join(context, 'dist/image'));
      // What npm installs is here already.
      const build = [`BUILD=${BASE_IMAGE}`, `BASE=${BASE_IMAGE}`, 'PREBUILT=dist/image'].flatMap((one) => [
        '--build-arg',
        one,
      ]);
      await succeed(this.#spec.provider, 'build', ...build, '--tag', WEFT_IMAGE, context);
      await succeed(this.#spec.provider, 'save', '--output', file, WEFT_IMAGE);
    } finally {
      rmSync(context, { recursive: true, force: true });
    }
    return file;
  }
}

async function succeed(...argv: readonly string[]): Promise<void> {
  (await runProgram(argv)).succeeded();
}
