/** What weft cannot start without: a TUN device, privileges, a kernel, programs. The daemon makes the same check at its start. */
import { byHand, found, type FindingKinds, type HostCheck } from '../check.ts';

const finds: FindingKinds = {
  'tun-missing': {
    severity: 'error',
    title: 'there is no TUN device to be had: weft cannot start',
    cause: 'the module tun is not loaded, or the container was not given /dev/net/tun',
  },
  'privilege-missing': {
    severity: 'error',
    title: 'this process lacks privileges that weft needs',
    cause: 'it does not run as root, or the container or unit takes capabilities away',
  },
  'kernel-too-old': {
    severity: 'error',
    title: 'the kernel is too old for weft',
    cause: 'receiving several datagrams at once (UDP_GRO) came with Linux 5.0',
  },
  'program-missing': {
    severity: 'error',
    title: 'a program that weft runs is missing',
    cause: 'the image or the machine was set up without the package',
  },
};

export const machine: HostCheck = {
  subject: 'TUN device, privileges, kernel and programs',
  looksAt: ['machine'],
  needs: 'host',
  finds,
  look: ({ host }) =>
    Object.keys(finds).flatMap((id) => {
      const evidence = host.missing.filter(({ code }) => code === id).map(({ message }) => message);
      return evidence.length === 0 ? [] : [found(finds, id, evidence, fixes[id]!)];
    }),
};

const fixes: Readonly<Record<string, ReturnType<typeof byHand>>> = {
  'tun-missing': byHand('load the module; a container needs --device /dev/net/tun', 'modprobe tun'),
  'privilege-missing': byHand(
    'run as root; a container needs --cap-add NET_ADMIN --cap-add NET_RAW --cap-add SYS_ADMIN',
  ),
  'kernel-too-old': byHand('use Linux 5.0 or later'),
  'program-missing': byHand('install the package that is named above'),
};
