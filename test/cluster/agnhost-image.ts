/** The image that Kubernetes' own tests run in most of their pods, with the tools that they start in it: from Debian's packages. */
import { existsSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { writeImageArchive } from '../support/image-archive.ts';
import { runProgram } from '../support/program.ts';
import { agnhostProgram, kubernetesSources, type Progress } from './programs.ts';

/** As the tests of this version of Kubernetes ask for it. */
const AGNHOST_IMAGE = 'localhost/agnhost:2.56';

/** What tests of DNS ask for: the tools are in agnhost's image, too. */
const DNS_TOOLS_IMAGE = 'localhost/jessie-dnsutils:1.7';

const PACKAGES = [
  'curl',
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

/** Archives of both images, which are made unless they are there: that takes two minutes. @throws Error if mmdebstrap is missing or fails. */
export async function agnhostImages(progress: Progress): Promise<string[]> {
  const program = await agnhostProgram(progress);
  const directory = dirname(program);
  const images = { agnhost: AGNHOST_IMAGE, 'dns-tools': DNS_TOOLS_IMAGE };
  const files = Object.keys(images).map((name) => join(directory, `${name}-image.tar`));
  if (files.every((file) => existsSync(file))) return files;
  progress('making the image of the tests from packages of Debian: 2 minutes, once');
  const work = mkdtempSync(join(directory, 'image-'));
  try {
    const root = join(work, 'root.tar');
    await makeRoot(root);
    const wrapper = join(work, 'agnhost');
    writeFileSync(wrapper, WRAPPER, { mode: 0o755 });
    const sources = join(await kubernetesSources(), 'test/images/agnhost/porter');
    const certificate = ['localhost.crt', 'localhost.key'].map((name) => [`/${name}`, join(sources, name)]);
    for (const [name, image] of Object.entries(images)) {
      const file = join(work, `${name}-image.tar`);
      await writeImageArchive(file, {
        name: image,
        layers: [root],
        files: { '/agnhost': wrapper, '/agnhost-2': program, ...Object.fromEntries(certificate) },
        directories: ['uploads'],
        entrypoint: ['/agnhost'],
        command: ['pause'],
        path: PATH,
      });
      renameSync(file, join(directory, `${name}-image.tar`));
    }
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return files;
}

async function makeRoot(file: string): Promise<void> {
  const without = ['doc', 'man', 'locale'].map((name) => `--dpkgopt=path-exclude=/usr/share/${name}/*`);
  const options = ['--variant=minbase', '--mode=root', ...without, `--include=${PACKAGES.join(',')}`];
  const clean = '--customize-hook=rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/*';
  const recommends = '--aptopt=APT::Install-Recommends "false"';
  (await runProgram(['nice', 'mmdebstrap', ...options, recommends, clean, 'bookworm', file])).succeeded();
}
