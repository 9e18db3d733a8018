/** Images that nodes of kind have from the start: kubeadm begins with them, before anybody could bring one. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import {
  COREDNS_VERSION,
  corednsProgram,
  ETCD_VERSION,
  etcdOfKubernetes,
  KUBERNETES_VERSION,
  kubernetesPrograms,
  pauseProgram,
  type Progress,
} from '../cluster/programs.ts';
import { debianBase } from '../support/debian-base.ts';
import { writeBusyboxImage } from '../support/busybox-image.ts';
import { writeImageArchive } from '../support/image-archive.ts';
import { runProgram } from '../support/program.ts';
import { until } from '../support/until.ts';
import type { LocalImages } from './cluster-file.ts';

/** Image that holds the namespaces of a pod. */
export const NODE_PAUSE_IMAGE = 'localhost/pause:1';

/** Tags of what kubeadm is told. */
export const LOCAL_IMAGES: LocalImages = { etcd: `${ETCD_VERSION}-0`, coredns: `v${COREDNS_VERSION}` };

/** They are one program, and so one image under four names. */
const PARTS = ['kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'kube-proxy'];

const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

const START_DEADLINE_MS = 60_000;

/** Puts the images into the store of containerd below `root`, by a containerd that runs here for as long. */
export async function addImages(root: string, work: string, progress: Progress): Promise<void> {
  const archives = await writeArchives(join(work, 'images'), progress);
  progress('images of the control plane');
  const state = join(work, 'containerd');
  mkdirSync(state);
  const socket = join(state, 'c.sock');
  writeFileSync(join(state, 'config.toml'), configurationOf(join(root, 'var/lib/containerd'), state, socket));
  const containerd = spawn('containerd', ['--config', join(state, 'config.toml')], { stdio: 'ignore' });
  const ended = once(containerd, 'exit');
  const ctr = async (...args: readonly string[]): Promise<string> =>
    (await runProgram(['ctr', '--address', socket, '--namespace', 'k8s.io', 'images', ...args])).succeeded();
  try {
    const asks = ['ctr', '--address', socket, 'version'];
    await until('containerd answers', async () => (await runProgram(asks)).exitCode === 0, START_DEADLINE_MS);
    for (const archive of archives) await ctr('import', archive);
    const [first = '', ...others] = PARTS.map((part) => `localhost/${part}:v${KUBERNETES_VERSION}`);
    for (const other of others) await ctr('tag', first, other);
  } finally {
    containerd.kill();
    await ended;
  }
}

async function writeArchives(directory: string, progress: Progress): Promise<string[]> {
  mkdirSync(directory);
  const kubernetes = join(await kubernetesPrograms(progress), 'kubernetes');
  const links = Object.fromEntries(PARTS.map((part) => [`/usr/local/bin/${part}`, 'kubernetes']));
  const write = async (name: string, content: Parameters<typeof writeImageArchive>[1]): Promise<string> => {
    const file = join(directory, `${name}.tar`);
    await writeImageArchive(file, content);
    return file;
  };
  return [
    await write('kubernetes', {
      name: `localhost/${PARTS[0]}:v${KUBERNETES_VERSION}`,
      layers: [await debianBase()],
      files: { '/usr/local/bin/kubernetes': kubernetes },
      links,
      path: PATH,
    }),
    await write('etcd', {
      name: `localhost/etcd:${LOCAL_IMAGES.etcd}`,
      files: { '/usr/local/bin/etcd': await etcdOfKubernetes(progress) },
      path: PATH,
    }),
    await write('coredns', {
      name: `localhost/coredns:${LOCAL_IMAGES.coredns}`,
      files: { '/coredns': await corednsProgram(progress) },
      entrypoint: ['/coredns'],
    }),
    await write('pause', {
      name: NODE_PAUSE_IMAGE,
      files: { '/pause': await pauseProgram(progress) },
      entrypoint: ['/pause'],
    }),
    // To try things with.
    await writeBusyboxImage(directory),
  ];
}

function configurationOf(root: string, state: string, socket: string): string {
  const without = [
    'grpc.v1.cri',
    'snapshotter.v1.aufs',
    'snapshotter.v1.btrfs',
    'snapshotter.v1.zfs',
    'snapshotter.v1.devmapper',
  ];
  return `version = 2
root = "${root}"
state = "${join(state, 'state')}"
disabled_plugins = [${without.map((name) => `"io.containerd.${name}"`).join(', ')}]
[grpc]
  address = "${socket}"
`;
}
