/** Parameters of the kernel (sysctl) that weft sets when it starts, and sets again when it sees that somebody changed them. */
import { byDoctor, byHand, found, type DaemonCheck, type FindingKinds } from '../check.ts';
import type { Difference, Remark } from '../facts.ts';
import type { Finding } from '../finding.ts';

const somebodyChanged = 'somebody changed it since weft set it, such as a tool that loads /etc/sysctl.d again';

const finds: FindingKinds = {
  'ip-forward-off': {
    severity: 'error',
    title: 'this node forwards no IPv4: its pods reach nothing but the node itself, not even one another',
    cause: somebodyChanged,
  },
  'ipv6-forwarding-off': {
    severity: 'error',
    title: 'this node forwards no IPv6: over it its pods reach nothing but the node itself, not even one another',
    cause: somebodyChanged,
  },
  'device-forwarding-off': {
    severity: 'error',
    title: 'this node forwards no IPv4 that comes in by a device of weft',
    cause: `the kernel forwards by device: on that of a pod, the pod reaches nothing but the node, on the TUN device nothing from other nodes arrives; ${somebodyChanged}`,
  },
  'rp-filter-strict': {
    severity: 'error',
    title: 'the kernel may drop packets of other nodes as spoofed',
    cause: `strict reverse path filtering takes only what its own route would send back through the device; ${somebodyChanged}`,
  },
  'accept-local-off': {
    severity: 'error',
    title: 'pods are not told when a packet is too big for the way',
    cause: `those errors come from this node's own address, which the kernel refuses from outside; ${somebodyChanged}`,
  },
  'node-ipv6-disabled': {
    severity: 'error',
    title: 'the overlay has no IPv6 on this node',
    cause: `IPv6 is off on the TUN device, or its MTU is below 1280; ${somebodyChanged}`,
  },
};

const idOf: readonly (readonly [RegExp, string])[] = [
  [/^net\.ipv4\.ip_forward$/, 'ip-forward-off'],
  [/^net\.ipv6\.conf\.all\.forwarding$/, 'ipv6-forwarding-off'],
  [/^net\.ipv4\.conf\..*\.forwarding$/, 'device-forwarding-off'],
  [/\.rp_filter$/, 'rp-filter-strict'],
  [/\.accept_local$/, 'accept-local-off'],
  [/\.disable_ipv6$/, 'node-ipv6-disabled'],
];

/** Whether a difference that an audit saw is one of these parameters. */
export function isKernelParameter({ subject }: Difference): boolean {
  return idOf.some(([pattern]) => pattern.test(subject));
}

export const kernelParameters: DaemonCheck = {
  subject: 'ip_forward, rp_filter and other kernel parameters',
  needs: 'daemon',
  looksAt: ['kernel'],
  finds,
  look: ({ daemon: { differences, notices } }) => parameterFindings(differences, notices),
};

/** @param notices what the daemon could not set. */
function parameterFindings(differences: readonly Difference[], notices: readonly Remark[]): Finding[] {
  return Object.keys(finds).flatMap((id) => {
    const wrong = differences.filter(({ subject }) =>
      idOf.some(([pattern, one]) => one === id && pattern.test(subject)),
    );
    // A notice says that the daemon tried, and could not: it is in a container, and knows what that needs.
    const refused = notices.filter(({ code }) => code === id).map(({ message }) => message);
    if (refused.length > 0) return [found(finds, id, refused, byHand('set it from outside, as said above'))];
    if (wrong.length === 0) return [];
    const commands = wrong.map(
      ({ subject, message }) => `sysctl -w ${subject}=${/not (\d+)$/.exec(message)?.[1] ?? '1'}`,
    );
    const evidence = wrong.map(({ message }) => message);
    return [
      found(
        finds,
        id,
        evidence,
        byDoctor('weft sets it again by itself within a minute; --fix does at once, and so does', ...commands),
      ),
    ];
  });
}
