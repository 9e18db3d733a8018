/** What the dataplane does without because the kernel, or a device, does not offer it. */
import { byHand, found, type DaemonCheck, type FindingKinds } from '../check.ts';

const finds: FindingKinds = {
  'kernel-feature-missing': {
    severity: 'warning',
    title: 'weft forwards more slowly than it could: the kernel lacks what it builds on',
    cause: 'an old kernel (tunUdpSegmentation needs 6.2), or a network device that refuses to segment UDP',
  },
  'kernel-without-ipv6': {
    severity: 'warning',
    title: 'pods of this node get IPv4 only',
    cause: 'the kernel was started with ipv6.disable=1, or built without IPv6',
  },
};

/** Feature of the dataplane -> the key of the configuration that turns it off, where that is not its own name. */
const turnedOffBy: Readonly<Record<string, string>> = {
  tunChecksum: 'tunOffloads',
  tunTcpSegmentation: 'tunOffloads',
  tunUdpSegmentation: 'tunOffloads',
};

/** The only one that costs nothing to be without: it is of use for small paths alone, and a key of its own turns it off. */
const optional: readonly string[] = ['outerFragmentation'];

export const kernelFeatures: DaemonCheck = {
  subject: 'features of the kernel that make it fast',
  needs: 'daemon',
  finds,
  look: ({ host, daemon: { features, withoutFeatures } }) => {
    const missing = Object.entries(features)
      .filter(([name, isUsed]) => !isUsed && !optional.includes(name))
      .map(([name]) => name)
      .filter((name) => !withoutFeatures.includes(turnedOffBy[name] ?? name));
    return [
      ...(missing.length === 0
        ? []
        : [
            found(
              finds,
              'kernel-feature-missing',
              [`not in use, though not turned off: ${missing.join(', ')}; the kernel is ${host.kernelRelease}`],
              byHand('use Linux 6.2 or later; everything works without'),
            ),
          ]),
      ...(host.hasIpv6
        ? []
        : [
            found(
              finds,
              'kernel-without-ipv6',
              ['the kernel has no /proc/net/if_inet6'],
              byHand('start the kernel without ipv6.disable=1, or give nodePrefixes of IPv4 only'),
            ),
          ]),
    ];
  },
};
