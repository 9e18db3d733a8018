/** Whether the kernel of this node sends what is for services to their backends. */
import { SERVICE_TABLE, titleOf } from '../../linux/nftables.ts';
import { byDoctor, byHand, type DaemonCheck, type FindingKinds, found } from '../check.ts';
import type { Difference, Remark } from '../facts.ts';
import type { Finding } from '../finding.ts';

const finds: FindingKinds = {
  'services-not-followed': {
    severity: 'error',
    title: 'services are not reached from this node as they are now',
    cause:
      'somebody removed or changed their rules, nftables of this kernel is missing or has no NAT, or the daemon may not change it',
    follows: ['resources-short', 'program-missing'],
  },
  'services-unknown': {
    severity: 'error',
    title: 'this node has not heard yet which services there are',
    cause:
      '`rulebook.json` of this node cannot be read, or others hold services, and no other node has told all of them',
  },
  'service-unreadable': {
    severity: 'error',
    title: 'this node cannot read services that others hold: they are not reached from it',
    cause: 'they were given at a node of a later version, and say something that this version does not know',
    scope: 'cluster',
  },
  'service-flows-unavailable': {
    severity: 'warning',
    title: 'UDP flows to services go on to backends that are gone',
    cause: 'the kernel does not tell of its connections: nf_conntrack_netlink is missing, or weft may not ask it',
    follows: ['resources-short'],
  },
};

export const serviceEnforcement: DaemonCheck = {
  subject: 'services in the kernel of this node',
  needs: 'daemon',
  looksAt: ['kernel'],
  finds,
  look: ({ daemon: { notices, differences } }) => {
    const saying = (code: string): string[] => notices.filter((one) => one.code === code).map(messageOf);
    const changed = differences.filter(isOfServices).map(messageOf);
    return [
      ...notFollowed(saying('services-not-followed'), changed),
      ...findingOf(
        'services-unknown',
        saying('services-unknown'),
        'have a node that knows the services reach this one',
        'weft status',
        'weft peers',
      ),
      ...findingOf(
        'service-unreadable',
        saying('service-unreadable'),
        'give all nodes the same version of weft',
        'weft status',
      ),
      ...findingOf(
        'service-flows-unavailable',
        saying('service-flows-unavailable'),
        'load the module, or give the daemon the capability CAP_NET_ADMIN',
        'modprobe nf_conntrack_netlink',
      ),
    ];
  },
};

/** Whether it is about weft's table of services. */
export function isOfServices({ subject }: Difference): boolean {
  return subject === titleOf(SERVICE_TABLE);
}

function notFollowed(refused: readonly string[], changed: readonly string[]): Finding[] {
  if (refused.length + changed.length === 0) return [];
  const fix =
    refused.length === 0
      ? byDoctor('weft puts it right by itself within a minute; --fix does at once, and so does', 'weft audit')
      : byHand('see what the evidence says; if it is the kernel, load the modules', 'modprobe -a nf_tables nft_nat');
  return [found(finds, 'services-not-followed', [...refused, ...changed], fix)];
}

function findingOf(id: string, evidence: readonly string[], text: string, ...commands: readonly string[]): Finding[] {
  return evidence.length === 0 ? [] : [found(finds, id, evidence, byHand(text, ...commands))];
}

function messageOf({ message }: Pick<Remark, 'message'>): string {
  return message;
}
