/** What this machine must have before anything is made on it. */
import { accessSync, closeSync, constants, existsSync, openSync, readFileSync } from 'node:fs';
import { release } from 'node:os';
import { RequirementError } from '../../errors.ts';
import { commandDirectories, debianPackages } from '../../linux/command.ts';
import { tellsOfConnections } from '../../linux/connections.ts';
import type { Notice } from '../../api/control-api.ts';

/** Bits of capabilities(7) in /proc/PID/status. */
const neededCapabilities = {
  CAP_NET_ADMIN: { bit: 12n, purpose: 'make devices, addresses and routes' },
  CAP_NET_RAW: { bit: 13n, purpose: 'open raw sockets' },
  CAP_SYS_ADMIN: { bit: 21n, purpose: 'enter the network namespaces of pods' },
} as const;

/** First kernel with UDP_GRO, which the data path builds on. */
const MIN_KERNEL = [5, 0] as const;

const neededPrograms = ['ip', 'nft', 'nsenter', 'sh'] as const;

const CONNECTIONS_KEPT: Notice = {
  code: 'connections-kept',
  message:
    'the kernel tracks connections, and does not let weft forget them: of a pod that is removed they stay, and whoever gets its address next may be sent what belongs to them; load the module: modprobe nf_conntrack_netlink',
};

/** Is there as long as the kernel tracks connections. */
const TRACKED_FILE = '/proc/sys/net/netfilter/nf_conntrack_count';

const TUN_FILE = '/dev/net/tun';

/** What {@link checkRequirements} looks at. */
export interface Machine {
  /** Effective capabilities, as a bit set. */
  readonly capabilities: bigint;
  /** `uname -r`: `6.1.0-18-amd64`. */
  readonly kernelRelease: string;
  /** Why /dev/net/tun cannot be opened: name of the error; `undefined` if it can. */
  readonly tunErrnoName: string | undefined;
  readonly missingPrograms: readonly string[];
}

/** One thing that is missing, and how to get it. */
export interface MissingRequirement {
  readonly code: 'privilege-missing' | 'kernel-too-old' | 'tun-missing' | 'program-missing';
  readonly message: string;
}

/**
 * Checks the machine.
 *
 * @returns what a person should know although it can be lived with.
 * @throws RequirementError with the code of the first thing that is missing; message and `details.missing` name all of them.
 */
export function checkRequirements(): Notice[] {
  const missing = missingRequirements(inspectMachine());
  if (missing[0] !== undefined) {
    const message = missing.map((requirement) => requirement.message).join('; ');
    throw new RequirementError(missing[0].code, message, { missing });
  }
  return [
    ...(readSafely('/proc/self/net/if_inet6') === undefined
      ? [{ code: 'kernel-without-ipv6', message: 'the kernel has no IPv6: pods get IPv4 only' }]
      : []),
    ...(existsSync(TRACKED_FILE) && !tellsOfConnections() ? [CONNECTIONS_KEPT] : []),
  ];
}

/** What weft needs and a machine does not have. */
export function missingRequirements(machine: Machine): MissingRequirement[] {
  const privileges = Object.entries(neededCapabilities)
    .filter(([, { bit }]) => ((machine.capabilities >> bit) & 1n) === 0n)
    .map(([name, { purpose }]) => ({
      code: 'privilege-missing' as const,
      message: `${name} is missing, to ${purpose}: run as root (docker: --cap-add ${name.slice('CAP_'.length)})`,
    }));
  const programs = machine.missingPrograms.map((program) => ({
    code: 'program-missing' as const,
    message: `the program ${program} is missing; on Debian and Ubuntu: apt-get install ${debianPackages[program] ?? program}`,
  }));
  return [...privileges, ...missingKernel(machine.kernelRelease), ...missingTun(machine.tunErrnoName), ...programs];
}

function missingKernel(kernelRelease: string): MissingRequirement[] {
  const [major = 0, minor = 0] = kernelRelease.split('.').map((part) => Number.parseInt(part, 10));
  if (major > MIN_KERNEL[0] || (major === MIN_KERNEL[0] && minor >= MIN_KERNEL[1])) return [];
  return [
    {
      code: 'kernel-too-old',
      message: `the kernel ${kernelRelease} is too old: weft needs ${MIN_KERNEL.join('.')} or later`,
    },
  ];
}

function missingTun(errnoName: string | undefined): MissingRequirement[] {
  // For want of descriptors or memory, nothing is known of the device.
  if (errnoName === undefined || ['EMFILE', 'ENFILE', 'ENOMEM'].includes(errnoName)) return [];
  const isAbsent = errnoName === 'ENOENT' || errnoName === 'ENODEV' || errnoName === 'ENXIO';
  const what = isAbsent
    ? `${TUN_FILE} is missing: modprobe tun`
    : `${TUN_FILE} cannot be opened (${errnoName}): run as root`;
  return [{ code: 'tun-missing', message: `${what} (docker: --device ${TUN_FILE})` }];
}

/** Looks at this machine, and at what this process may do. */
export function inspectMachine(): Machine {
  const status = readFileSync('/proc/self/status', 'utf8');
  return {
    capabilities: BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'}`),
    kernelRelease: release(),
    tunErrnoName: tryTun(),
    missingPrograms: neededPrograms.filter((program) => !isInstalled(program)),
  };
}

function tryTun(): string | undefined {
  try {
    // Opening alone makes no device.
    closeSync(openSync(TUN_FILE, 'r+'));
    return undefined;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? 'EIO';
  }
}

function isInstalled(program: string): boolean {
  return commandDirectories().some((directory) => {
    try {
      accessSync(`${directory}/${program}`, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

function readSafely(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
