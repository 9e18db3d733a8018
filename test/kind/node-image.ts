/**
 * The image that nodes of kind are made of, from Debian's packages, Go modules, and the files of kind's own module: no registry is asked.
 * After kind's images/base/Dockerfile, with Debian's containerd and runc, and with the images of the control plane in it.
 */
import { createHash } from 'node:crypto';
import {
  appendFileSync,
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { stringify } from 'yaml';
import { cniPlugin } from '../cluster/cni-plugins.ts';
import {
  KUBERNETES_VERSION,
  kubeadmProgram,
  kubernetesPrograms,
  sourcesOf,
  type Progress,
} from '../cluster/programs.ts';
import { debianArchive } from '../support/debian-base.ts';
import { runProgram } from '../support/program.ts';
import { KIND_MODULE } from './kind-program.ts';
import { addImages, NODE_PAUSE_IMAGE } from './node-image-contents.ts';

/** Name and tag, once it is imported. */
export const NODE_IMAGE = `localhost/weft-kind-node:v${KUBERNETES_VERSION}`;

const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** What the image says of itself, as changes for `docker import`. It cannot say a signal: kind ends nodes by force. */
export const NODE_IMAGE_CHANGES = [
  'ENV container=docker',
  `ENV PATH=${PATH}`,
  'ENTRYPOINT ["/usr/local/bin/entrypoint","/sbin/init"]',
];

const PACKAGES = [
  'systemd',
  'systemd-sysv',
  'conntrack',
  'iptables',
  'nftables',
  'iproute2',
  'ethtool',
  'util-linux',
  'mount',
  'kmod',
  'libseccomp2',
  'pigz',
  'bash',
  'ca-certificates',
  'curl',
  'jq',
  'procps',
  'containerd',
  'runc',
];

/** Units that start nothing in a container. */
const UNITS_WITHOUT_USE = [
  'lib/systemd/system/sysinit.target.wants/systemd-tmpfiles-setup.service',
  'lib/systemd/system/multi-user.target.wants/*',
  'etc/systemd/system/*.wants/*',
  'lib/systemd/system/local-fs.target.wants/*',
  'lib/systemd/system/sockets.target.wants/*udev*',
  'lib/systemd/system/sockets.target.wants/*initctl*',
  'lib/systemd/system/basic.target.wants/*',
  // kind has one of its own.
  'lib/systemd/system/containerd.service',
];

/** kind creates what is in here when the cluster is there: no storage is wanted, but a file without an object is an error. */
const STORAGE_CLASS = {
  apiVersion: 'storage.k8s.io/v1',
  kind: 'StorageClass',
  metadata: { name: 'standard', annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } },
  provisioner: 'kubernetes.io/no-provisioner',
  volumeBindingMode: 'WaitForFirstConsumer',
};

/** Path of an archive of its file system, which is made unless it is there: that takes minutes. @throws Error with what failed. */
export async function nodeImageArchive(progress: Progress): Promise<string> {
  const programs = await kubernetesPrograms(progress);
  const file = join(programs, `kind-node-${recipe()}.tar`);
  if (existsSync(file)) return file;
  const kubeadm = await kubeadmProgram(progress);
  progress('making the image of the nodes: 3 to 5 minutes, once');
  const archive = await debianArchive('kind-node-bookworm-1', PACKAGES);
  const work = mkdtempSync(join(programs, 'kind-node-'));
  try {
    const root = join(work, 'root');
    mkdirSync(root);
    await succeed('tar', '-C', root, '-xf', archive);
    await addFilesOfKind(root);
    addPrograms(root, join(programs, 'kubernetes'), kubeadm);
    await addPlugins(root);
    await configure(root);
    await addImages(root, work, progress);
    progress('packing the image of the nodes');
    await succeed('tar', '-C', root, '--numeric-owner', '-cf', join(work, 'image.tar'), '.');
    renameSync(join(work, 'image.tar'), file);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return file;
}

/** Changes with what the image is made of, but for Debian's packages, and for the programs, which have a directory for each version. */
function recipe(): string {
  const hash = createHash('sha256').update(KIND_MODULE);
  for (const name of ['node-image.ts', 'node-image-contents.ts'])
    hash.update(readFileSync(join(import.meta.dirname, name)));
  return hash.digest('hex').slice(0, 8);
}

async function addFilesOfKind(root: string): Promise<void> {
  const files = join(await sourcesOf(KIND_MODULE), 'images/base/files');
  await succeed('cp', '-r', '--no-preserve=mode,ownership', `${files}/.`, root);
  for (const directory of ['usr/local/bin', 'kind/bin']) {
    for (const name of readdirSync(join(files, directory))) chmodSync(join(root, directory, name), 0o755);
  }
}

function addPrograms(root: string, kubernetes: string, kubeadm: string): void {
  copyFileSync(kubernetes, join(root, 'usr/bin/kubernetes'));
  for (const name of ['kubelet', 'kubectl']) link(root, `usr/bin/${name}`, 'kubernetes');
  copyFileSync(kubeadm, join(root, 'usr/bin/kubeadm'));
  // Where units of kind start them.
  for (const name of ['containerd', 'ctr', 'containerd-shim-runc-v2'])
    link(root, `usr/local/bin/${name}`, `/usr/bin/${name}`);
  link(root, 'usr/local/sbin/runc', '/usr/sbin/runc');
}

async function addPlugins(root: string): Promise<void> {
  const directory = join(root, 'opt/cni/bin');
  mkdirSync(directory, { recursive: true });
  for (const name of ['loopback', 'portmap', 'ptp', 'host-local'] as const) {
    copyFileSync(await cniPlugin(name), join(directory, name));
  }
}

async function configure(root: string): Promise<void> {
  for (const pattern of UNITS_WITHOUT_USE) await succeed('sh', '-c', `rm -f "$1"/${pattern}`, 'sh', root);
  appendFileSync(join(root, 'etc/systemd/journald.conf'), 'ReadKMsg=no\n');
  const containerd = join(root, 'etc/containerd/config.toml');
  const text = readFileSync(containerd, 'utf8')
    .replace(/^(\s*sandbox_image = ).*$/m, `$1"${NODE_PAUSE_IMAGE}"`)
    // Without CAP_SYS_RESOURCE nobody may be made less likely to be killed for want of memory.
    .replace('restrict_oom_score_adj = false', 'restrict_oom_score_adj = true');
  writeFileSync(containerd, text);
  writeFileSync(join(root, 'etc/containerd/cri-base.json'), await containerSpecification());
  const units =
    'systemctl enable kubelet.service containerd.service undo-mount-hacks.service; systemctl mask systemd-binfmt.service';
  await succeed('chroot', root, '/bin/sh', '-ec', units);
  link(root, 'sbin/init', '/lib/systemd/systemd');
  for (const directory of ['etc/kubernetes/manifests', 'kind/manifests'])
    mkdirSync(join(root, directory), { recursive: true });
  writeFileSync(join(root, 'kind/version'), `v${KUBERNETES_VERSION}`);
  for (const name of ['default-storage.yaml', 'default-cni.yaml']) {
    writeFileSync(join(root, 'kind/manifests', name), stringify(STORAGE_CLASS));
  }
  // A node's own, which it gets when it starts.
  writeFileSync(join(root, 'etc/machine-id'), '');
  for (const name of ['hostname', 'hosts', 'resolv.conf']) rmSync(join(root, 'etc', name), { force: true });
}

/** What containers in a node begin with: containerd's default, as kind changes it. */
async function containerSpecification(): Promise<string> {
  const spec = JSON.parse(await succeed('ctr', 'oci', 'spec')) as { readonly process: object };
  const { rlimits: _limits, ...rest } = spec.process as { readonly rlimits?: unknown };
  const hooks = { createContainer: [{ path: '/kind/bin/mount-product-files.sh' }] };
  return JSON.stringify({ ...spec, process: rest, hooks });
}

function link(root: string, path: string, target: string): void {
  const place = join(root, path);
  mkdirSync(dirname(place), { recursive: true });
  rmSync(place, { force: true });
  symlinkSync(target, place);
}

async function succeed(...argv: readonly string[]): Promise<string> {
  return (await runProgram(argv)).succeeded();
}
