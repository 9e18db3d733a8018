/** Why names are not answered at an address: what a person is told, with the program that is in the way. */
import type { Notice } from '../../api/control-api.ts';
import { DNS_PORT } from '../../names/resolver-configuration.ts';
import { parseIpAddress } from '../../wire/address.ts';
import { describePortHolder } from '../process/port-holder.ts';
import type { NameAddressFailure } from './name-listener.ts';

/** A notice for each kind of failure. */
export async function failureNotices(failures: readonly NameAddressFailure[]): Promise<Notice[]> {
  const [taken, others]: [string[], string[]] = [[], []];
  const forbidden = new Set<string>();
  for (const failure of failures) {
    if (isNotThere(failure)) continue;
    const { host } = failure;
    const at = `${failure.protocol.toUpperCase()} port ${DNS_PORT} of ${host}`;
    if (failure.code === 'EADDRINUSE') taken.push(`${at} is ${(await holderOf(failure)) ?? 'taken'}`);
    else if (failure.code === 'EACCES' || failure.code === 'EPERM') forbidden.add(host.replace(/%.*/, ''));
    else others.push(`${at}: ${failure.code}`);
  }
  return [
    ...(taken.length === 0
      ? []
      : [{ code: 'names-port-taken', message: `names are not answered everywhere: ${taken.join('; ')}` }]),
    ...(forbidden.size === 0
      ? []
      : [
          {
            code: 'names-not-permitted',
            message: `names are not answered: CAP_NET_BIND_SERVICE is missing, to open port ${DNS_PORT} of ${[...forbidden].join(', ')}: run as root (docker: --cap-add NET_BIND_SERVICE)`,
          },
        ]),
    ...(others.length === 0
      ? []
      : [{ code: 'names-not-listening', message: `names are not answered everywhere: ${others.join('; ')}` }]),
  ];
}

/**
 * An address that is not there is the audit's to put back, and then it is tried again. The device of a pod that is gone by now is no trouble at
 * all: an address that names it is `EINVAL`, or if it went a moment ago `ENODEV`.
 */
function isNotThere({ host, code }: NameAddressFailure): boolean {
  return code === 'EADDRNOTAVAIL' || (host.includes('%') && (code === 'EINVAL' || code === 'ENODEV'));
}

async function holderOf({ host, protocol }: NameAddressFailure): Promise<string | undefined> {
  const address = parseIpAddress(host.replace(/%.*/, ''));
  return address && (await describePortHolder(protocol, { address, port: DNS_PORT }));
}
