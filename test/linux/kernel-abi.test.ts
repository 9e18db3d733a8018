import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { Abi, alignControlMessage, Struct } from '../../src/linux/kernel-abi.ts';

const headers = [
  'stddef.h',
  'stdio.h',
  'fcntl.h',
  'sys/file.h',
  'poll.h',
  'sched.h',
  'time.h',
  'sys/eventfd.h',
  'sys/ioctl.h',
  'sys/mman.h',
  'sys/resource.h',
  'sys/socket.h',
  'sys/statfs.h',
  'sys/uio.h',
  'netinet/in.h',
  'netinet/tcp.h',
  'netinet/udp.h',
  'net/if.h',
  'linux/filter.h',
  'linux/if_tun.h',
  'linux/magic.h',
  'linux/netfilter.h',
  'linux/netfilter/nf_conntrack_common.h',
  'linux/netfilter/nf_conntrack_tcp.h',
  'linux/netfilter/nf_tables.h',
  'linux/netfilter/nfnetlink.h',
  'linux/netfilter/nfnetlink_conntrack.h',
  'linux/netfilter/nfnetlink_log.h',
  'linux/if_packet.h',
  'linux/netlink.h',
  'linux/nsfs.h',
  'linux/rtnetlink.h',
  'linux/sock_diag.h',
  'linux/veth.h',
  'linux/virtio_net.h',
];

/** Names that Debian 12's headers (Linux 6.1) do not have yet, with their kernel definitions. */
const newerNames: Readonly<Record<string, string>> = { TUN_F_USO4: '0x20', TUN_F_USO6: '0x40' };

interface Row {
  readonly name: string;
  readonly expression: string;
  readonly ours: number;
}

const structures: Readonly<Record<string, { readonly size: number; readonly [field: string]: number }>> = Struct;

const rows: Row[] = [
  ...Object.entries(Abi).map(([name, ours]) => ({ name, expression: name, ours })),
  ...Object.entries(structures).flatMap(([structure, { size, ...offsets }]) => [
    { name: `sizeof ${structure}`, expression: `sizeof(struct ${structure})`, ours: size },
    ...Object.entries(offsets).map(([field, ours]) => ({
      name: `offset of ${structure}.${field}`,
      expression: `offsetof(struct ${structure}, ${field})`,
      ours,
    })),
  ]),
  ...[1, 2, 4, 8, 16, 18, 20, 24].map((length) => ({
    name: `CMSG_ALIGN(${length})`,
    // CMSG_ALIGN is not in every C library; CMSG_SPACE is.
    expression: `CMSG_SPACE(${length}) - CMSG_SPACE(0)`,
    ours: alignControlMessage(length),
  })),
];

const hasCompiler = spawnSync('cc', ['--version']).status === 0;
const isRequired = process.env['CI'] !== undefined && process.env['CI'] !== '';

function compileAndRun(): Map<string, number> {
  const directory = mkdtempSync(join(tmpdir(), 'weft-kernel-abi-'));
  try {
    const source = [
      '#define _GNU_SOURCE',
      ...headers.map((header) => `#include <${header}>`),
      ...Object.entries(newerNames).map(([name, value]) => `#ifndef ${name}\n#define ${name} ${value}\n#endif`),
      'int main(void) {',
      ...rows.map(({ name, expression }) => `  printf("%lld\\t${name}\\n", (long long)(${expression}));`),
      '  return 0;',
      '}',
    ].join('\n');
    const program = join(directory, 'abi');
    writeFileSync(`${program}.c`, source);
    execFileSync('cc', ['-o', program, `${program}.c`], { stdio: 'pipe' });
    const lines = execFileSync(program, { encoding: 'utf8' }).trim().split('\n');
    return new Map(lines.map((line) => [line.slice(line.indexOf('\t') + 1), Number.parseInt(line, 10)]));
  } finally {
    rmSync(directory, { recursive: true });
  }
}

if (hasCompiler) {
  const theirs = compileAndRun();
  for (const { name, ours } of rows) {
    test(`${name} is what the kernel headers say`, (t) => t.is(theirs.get(name), ours));
  }
} else {
  test('a C compiler is present where the tests must be complete', (t) => {
    t.false(isRequired, 'CI is set, and there is no cc to check the kernel ABI with');
  });
}
