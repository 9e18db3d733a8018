/** A control group around one process, that limits how many tasks it may have. Version 1 or 2, whatever the machine has. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { until } from './until.ts';

/** Hierarchies with the controller: of its own, or the unified one. */
const roots = ['/sys/fs/cgroup/pids', '/sys/fs/cgroup'];

let made = 0;

export class TaskGroup {
  readonly #root: string;
  readonly #name: string;
  readonly #pid: number;

  private constructor(root: string, pid: number) {
    this.#root = root;
    this.#pid = pid;
    this.#name = `weft-test-${process.pid}-${made++}`;
  }

  /** Puts the process into a new group. */
  static async around(pid: number): Promise<TaskGroup> {
    const root = roots.find((one) => existsSync(join(one, 'cgroup.procs')));
    if (root === undefined) throw new Error('there are no control groups here');
    if (root === roots[1]) writeFileSync(join(root, 'cgroup.subtree_control'), '+pids');
    const group = new TaskGroup(root, pid);
    mkdirSync(group.#path);
    writeFileSync(join(group.#path, 'cgroup.procs'), `${pid}`);
    await until('all its threads count', () => group.#tasks > 1);
    return group;
  }

  /** As the daemon calls it. */
  get title(): string {
    return `the control group /${this.#name}`;
  }

  /** No more tasks than the threads of the process: programs that it has just started would otherwise leave room behind. */
  allowNoMore(): void {
    writeFileSync(join(this.#path, 'pids.max'), `${readdirSync(`/proc/${this.#pid}/task`).length}`);
  }

  allowAll(): void {
    writeFileSync(join(this.#path, 'pids.max'), 'max');
  }

  /** Puts the process back where it can be. Programs that it has just started are in the group as well, until they end. */
  async remove(): Promise<void> {
    writeFileSync(join(this.#root, 'cgroup.procs'), `${this.#pid}`);
    await until('nobody is left in the group', () => this.#tasks === 0);
    rmdirSync(this.#path);
  }

  get #tasks(): number {
    return Number(readFileSync(join(this.#path, 'pids.current'), 'utf8'));
  }

  get #path(): string {
    return join(this.#root, this.#name);
  }
}
