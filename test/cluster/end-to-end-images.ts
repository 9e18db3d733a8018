/** The images that Kubernetes' own tests name, with the tools that they start in them: from what was compiled, and Debian's packages. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { writeImageArchive } from '../support/image-archive.ts';
import { runProgram } from '../support/program.ts';
import {
  agnhostProgram,
  corednsProgram,
  kubernetesSources,
  outOfOrderProgram,
  pauseProgram,
  type Progress,
} from './programs.ts';

/** What runs in most of their pods, as this version of Kubernetes names it. */
const AGNHOST_IMAGE = 'localhost/agnhost:2.56';

/**
 * Images with DNS tools, with `conntrack`, and with `sh` and `nc`: agnhost's has all of them. Tests always say what is to run in these. Not
 * Debian's static busybox, whose `nc` crashes when it looks up a name.
 */
const ALSO_AGNHOST = [
  'localhost/jessie-dnsutils:1.7',
  'localhost/distroless-iptables:v0.7.14',
  'localhost/busybox:1.37.0-1',
];

const PAUSE_IMAGE = 'localhost/pause:3.10.1';

/** A server that sends packets out of order. */
const OUT_OF_ORDER_IMAGE = 'localhost/regression-issue-74839:1.2';

const PACKAGES = [
  'curl',
  'wget',
  'netcat-openbsd',
  'bind9-dnsutils',
  'iproute2',
  'iputils-ping',
  'iperf',
  'nftables',
  'conntrack',
];

const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** It ends where it cannot listen for SCTP, which not every kernel has. */
const WRAPPER = `#!/bin/sh
for argument; do
  shift
  case $argument in --sctp-port=*) ;; *) set -- "$@" "$argument" ;; esac
done
exec /agnhost-2 "$@"
`;

/** Of what the image of the tests is made of: another list of packages is another archive. */
const RECIPE = createHash('sha256')
  .update(JSON.stringify([PACKAGES, WRAPPER]))
  .digest('hex')
  .slice(0, 8);

/**
 * Archives of all of them, which are made unless they are there: that takes two minutes.
 *
 * @throws Error if mmdebstrap is missing or fails, or a program cannot be built.
 */
export async function endToEndImages(progress: Progress): Promise<string[]> {
  const directory = join(dirname(await agnhostProgram(progress)), 'images');
  const makers = {
    [`agnhost-${RECIPE}.tar`]: async (file: string) => await writeAgnhostImage(file, progress),
    'pause.tar': async (file: string) => await writeProgramImage(file, PAUSE_IMAGE, await pauseProgram(progress)),
    'out-of-order.tar': async (file: string) =>
      await writeProgramImage(file, OUT_OF_ORDER_IMAGE, await outOfOrderProgram(progress)),
  };
  mkdirSync(directory, { recursive: true });
  for (const [name, make] of Object.entries(makers)) await makeOnce(join(directory, name), make);
  return Object.keys(makers).map((name) => join(directory, name));
}

/** Makes a file unless it is there, and whole before it is. */
async function makeOnce(file: string, make: (draft: string) => Promise<void>): Promise<void> {
  if (existsSync(file)) return;
  const work = mkdtempSync(`${file}-`);
  try {
    const draft = join(work, basename(file));
    await make(draft);
    renameSync(draft, file);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

async function writeAgnhostImage(file: string, progress: Progress): Promise<void> {
  const [agnhost, coredns] = [await agnhostProgram(progress), await corednsProgram(progress)];
  progress('making the image of the tests from packages of Debian: 2 minutes, once');
  const root = `${file}-root.tar`;
  await makeRoot(root);
  const wrapper = `${file}-wrapper`;
  writeFileSync(wrapper, WRAPPER, { mode: 0o755 });
  const sources = join(await kubernetesSources(), 'test/images/agnhost/porter');
  const certificate = ['localhost.crt', 'localhost.key'].map((name) => [`/${name}`, join(sources, name)]);
  await writeImageArchive(file, {
    name: AGNHOST_IMAGE,
    otherNames: ALSO_AGNHOST,
    layers: [root],
    files: { '/agnhost': wrapper, '/agnhost-2': agnhost, '/coredns': coredns, ...Object.fromEntries(certificate) },
    directories: ['uploads'],
    entrypoint: ['/agnhost'],
    command: ['pause'],
    path: PATH,
  });
}

/** An image that is one program. */
async function writeProgramImage(file: string, name: string, program: string): Promise<void> {
  const path = `/${basename(program)}`;
  await writeImageArchive(file, { name, files: { [path]: program }, entrypoint: [path] });
}

async function makeRoot(file: string): Promise<void> {
  const without = ['doc', 'man', 'locale'].map((name) => `--dpkgopt=path-exclude=/usr/share/${name}/*`);
  const options = ['--variant=minbase', '--mode=root', ...without, `--include=${PACKAGES.join(',')}`];
  const clean = '--customize-hook=rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/*';
  const recommends = '--aptopt=APT::Install-Recommends "false"';
  (await runProgram(['nice', 'mmdebstrap', ...options, recommends, clean, 'bookworm', file])).succeeded();
}
