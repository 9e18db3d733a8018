/** A kubectl that knows no cluster: it answers what a test says, writes down what it was asked, and runs here what is to run in a pod. */
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A pod of weft's daemon, as much of it as is looked at. */
export function daemonPod(node: string, change: { readonly phase?: string; readonly waiting?: string } = {}) {
  const { phase = 'Running', waiting } = change;
  const state = waiting === undefined ? { running: {} } : { waiting: { reason: waiting } };
  return {
    metadata: { name: `weft-${node}`, creationTimestamp: '2026-01-01T00:00:00Z' },
    spec: { nodeName: node, containers: [{ name: 'weft', image: 'weft:test' }] },
    status: { phase, containerStatuses: [{ name: 'weft', ready: phase === 'Running', state }] },
  };
}

export class KubectlDouble {
  readonly directory = mkdtempSync(join(tmpdir(), 'weft-kubectl-'));
  /** For PATH: `kubectl`, and a `weft` that a test writes. */
  readonly bin = join(this.directory, 'bin');
  readonly program = join(this.bin, 'kubectl');
  readonly #calls = join(this.directory, 'calls');

  /**
   * @param answers pattern of the shell (`get pods*`) -> commands of the shell that answer it; the first that fits counts
   * @param weft commands of the shell that are `weft` in pods
   */
  constructor(answers: Readonly<Record<string, string>>, weft = 'echo "weft $*"') {
    mkdirSync(this.bin);
    const cases = Object.entries(answers).map(
      ([pattern, answer]) => `  ${pattern.replaceAll(/[ "]/g, String.raw`\$&`)}) ${answer} ;;`,
    );
    const lines = [
      '#!/bin/sh',
      `PATH='${this.bin}':$PATH`,
      `echo "$*" >>'${this.#calls}'`,
      'case "$*" in',
      ...cases,
      '  exec*) while [ "$1" != -- ]; do shift; done; shift; exec "$@" ;;',
      '  *) echo "no answer to: $*" >&2; exit 1 ;;',
      'esac',
    ];
    this.#write('kubectl', lines);
    this.#write('weft', ['#!/bin/sh', weft]);
    writeFileSync(this.#calls, '');
  }

  /** What it was asked, a line each. */
  get calls(): string[] {
    return readFileSync(this.#calls, 'utf8').split('\n').slice(0, -1);
  }

  /** Commands of the shell that write JSON, for an answer. */
  static json(value: unknown): string {
    return `cat <<'JSON'\n${JSON.stringify(value)}\nJSON\n`;
  }

  remove(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }

  #write(name: string, lines: readonly string[]): void {
    const file = join(this.bin, name);
    writeFileSync(file, `${lines.join('\n')}\n`);
    chmodSync(file, 0o755);
  }
}
