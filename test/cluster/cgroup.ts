/** The control group of a node, with the controllers that a kubelet wants. */
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const CGROUPS = '/sys/fs/cgroup';

/** Where the machine has version 2 alone. */
const CONTROLLERS = join(CGROUPS, 'cgroup.controllers');

/** Hierarchies of version 1 that kubelet and runc use. */
const HIERARCHIES = ['cpu', 'cpuacct', 'cpuset', 'memory', 'devices', 'freezer', 'blkio', 'pids', 'systemd'];

/** What processors and memory a group may use: in version 1 a new one may use none. */
const CPUSET_FILES = ['cpuset.cpus', 'cpuset.mems'];

/** Makes a group of this name in each hierarchy, unless it is there. */
export function makeCgroup(name: string): void {
  if (existsSync(CONTROLLERS)) {
    makeUnified(name);
    return;
  }
  for (const hierarchy of readdirSync(CGROUPS).filter((entry) => HIERARCHIES.includes(entry))) {
    const group = join(CGROUPS, hierarchy, name);
    mkdirSync(group, { recursive: true });
    if (hierarchy !== 'cpuset') continue;
    for (const file of CPUSET_FILES) writeFileSync(join(group, file), readFileSync(join(CGROUPS, hierarchy, file)));
  }
}

function makeUnified(name: string): void {
  mkdirSync(join(CGROUPS, name), { recursive: true });
  const wanted = readFileSync(CONTROLLERS, 'utf8')
    .trim()
    .split(' ')
    .filter((controller) => ['cpu', 'cpuset', 'memory', 'pids', 'io'].includes(controller));
  for (const group of [CGROUPS, join(CGROUPS, name)]) {
    const file = join(group, 'cgroup.subtree_control');
    const there = readFileSync(file, 'utf8').trim().split(' ');
    const missing = wanted.filter((controller) => !there.includes(controller));
    if (missing.length > 0) writeFileSync(file, missing.map((controller) => `+${controller}`).join(' '));
  }
}
