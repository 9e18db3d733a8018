/** The size of packets between nodes: as configured, as the device has it, and as probes measured it. */
import { byHand, found, type DaemonCheck, type FindingKinds } from '../check.ts';
import { hostOf } from '../endpoint-text.ts';
import { isSilent, type PeerFacts } from '../facts.ts';

const finds: FindingKinds = {
  'underlay-mtu-too-large': {
    severity: 'error',
    title: "the configured underlay MTU is larger than the device's: large packets do not leave this node",
    cause: 'underlay.mtu was set for another device, or the device was changed after it',
  },
  'underlay-mtu-changed': {
    severity: 'warning',
    title: 'the MTU of the underlay device has changed since weft started: the overlay still has the old one',
    cause: 'somebody, DHCP or the cloud changed the device; pods keep the MTU that they were given',
  },
  'path-mtu-small': {
    severity: 'warning',
    title: 'the way to another node carries smaller packets than the devices at both ends',
    cause: 'a tunnel, a VPN or a router on the way has a smaller MTU',
    follows: ['faults-injected', 'underlay-mtu-too-large', 'underlay-mtu-changed'],
    scope: 'pair',
  },
};

export const underlayMtu: DaemonCheck = {
  subject: 'underlay MTU: configured, of the device, measured',
  needs: 'daemon',
  looksAt: ['devices'],
  finds,
  look: ({ daemon: { underlay, peers } }) => {
    const { device, mtuBytes, deviceMtuBytes, isMtuConfigured } = underlay;
    const small = peers.filter(isSmall);
    const about = small.map(({ name, endpoint, pathMtuBytes, announcedMtuBytes }) => ({
      node: name,
      evidence: [
        `to ${name} (${endpoint}) inner packets of ${pathMtuBytes} bytes pass; both ends could take ${announcedMtuBytes}`,
      ],
    }));
    const measured =
      small.length === 0
        ? []
        : [
            found(
              finds,
              'path-mtu-small',
              about.flatMap(({ evidence }) => evidence),
              byHand(
                'weft cuts packets to what passes, at the cost of speed; look for the smallest MTU on the way',
                ...small.slice(0, 1).map(({ endpoint }) => `tracepath -n ${hostOf(endpoint)}`),
              ),
              about,
            ),
          ];
    if (deviceMtuBytes === undefined || deviceMtuBytes === mtuBytes) return measured;
    if (!isMtuConfigured) {
      const evidence = [`the MTU of ${device} is ${deviceMtuBytes}, and was ${mtuBytes} when the overlay was made`];
      const fix = byHand('start the daemon again, then the pods', 'systemctl restart weft');
      return [found(finds, 'underlay-mtu-changed', evidence, fix), ...measured];
    }
    if (deviceMtuBytes > mtuBytes) return measured;
    const evidence = [`underlay.mtu is ${mtuBytes}, the MTU of ${device} is ${deviceMtuBytes}`];
    const fix = byHand(
      `set underlay.mtu to ${deviceMtuBytes} or leave it out, or make the device's larger`,
      `ip link set dev ${device} mtu ${mtuBytes}`,
    );
    return [found(finds, 'underlay-mtu-too-large', evidence, fix), ...measured];
  },
};

/** As long as it is searched for, nothing is known. */
function isSmall(peer: PeerFacts): boolean {
  const { probing, pathMtuBytes, announcedMtuBytes } = peer;
  return probing === 'confirmed' && !isSilent(peer) && pathMtuBytes < announcedMtuBytes;
}
