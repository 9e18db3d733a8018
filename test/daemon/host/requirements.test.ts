import test from 'ava';
import { missingRequirements, type Machine, type MissingRequirement } from '../../../src/daemon/host/requirements.ts';

const NET_ADMIN = 1n << 12n;
const NET_RAW = 1n << 13n;
const SYS_ADMIN = 1n << 21n;

const complete: Machine = {
  capabilities: NET_ADMIN | NET_RAW | SYS_ADMIN,
  kernelRelease: '5.0.0-1-amd64',
  tunErrnoName: undefined,
  missingPrograms: [],
};

test('these three privileges and a kernel 5.0 are enough', (t) => {
  t.deepEqual(missingRequirements(complete), []);
});

const lacks = test.macro({
  exec: (t, change: Partial<Machine>, code: MissingRequirement['code'], message: RegExp) => {
    const missing = missingRequirements({ ...complete, ...change });
    t.is(missing.length, 1);
    t.is(missing[0]?.code, code);
    t.regex(missing[0]?.message ?? '', message);
  },
  title: (name) => `${name} is named`,
});

test(
  'missing CAP_NET_ADMIN',
  lacks,
  { capabilities: NET_RAW | SYS_ADMIN },
  'privilege-missing',
  /^CAP_NET_ADMIN.*--cap-add NET_ADMIN/,
);
test('missing CAP_NET_RAW', lacks, { capabilities: NET_ADMIN | SYS_ADMIN }, 'privilege-missing', /^CAP_NET_RAW/);
test('missing CAP_SYS_ADMIN', lacks, { capabilities: NET_ADMIN | NET_RAW }, 'privilege-missing', /^CAP_SYS_ADMIN/);
test('a kernel 4.19', lacks, { kernelRelease: '4.19.0-26-amd64' }, 'kernel-too-old', /4\.19\.0-26-amd64 is too old/);
test('a missing TUN device', lacks, { tunErrnoName: 'ENOENT' }, 'tun-missing', /is missing: modprobe tun/);
test(
  'a TUN device that is denied',
  lacks,
  { tunErrnoName: 'EPERM' },
  'tun-missing',
  /cannot be opened \(EPERM\).*--device/,
);
test('a missing program', lacks, { missingPrograms: ['nft'] }, 'program-missing', /apt-get install nftables$/);

test('all that is missing is named at once', (t) => {
  t.is(
    missingRequirements({
      capabilities: 0n,
      kernelRelease: '3.10',
      tunErrnoName: 'ENODEV',
      missingPrograms: ['ip', 'nft'],
    }).length,
    7,
  );
});
