/** Whether weft talks to the other nodes over the right device. */
import { byHand, found, type DaemonCheck, type FindingKinds } from '../check.ts';
import { hostOf } from '../endpoint-text.ts';
import type { PeerFacts } from '../facts.ts';

const finds: FindingKinds = {
  'underlay-lost': {
    severity: 'error',
    title: 'the address that weft talks to other nodes with is gone',
    cause: 'the device is down or away, or its address was taken from it',
  },
  'underlay-wrong-interface': {
    severity: 'error',
    title: 'the way to other nodes leads through another device than the one that weft uses',
    cause: 'the wrong device was chosen or configured, or a route changed since weft started',
    follows: ['underlay-lost'],
  },
  'underlay-renamed': {
    severity: 'warning',
    title: 'the underlay interface has another name than the configuration says; weft goes on with it',
    cause: 'somebody, or a rule of udev, renamed it while weft ran',
  },
};

export const underlayChoice: DaemonCheck = {
  subject: 'device and address of the underlay',
  needs: 'daemon',
  finds,
  look: ({ daemon: { underlay, peers, notices } }) => {
    const lost = notices.filter(({ code }) => code === 'underlay-lost').map(({ message }) => message);
    const elsewhere = peers.filter(
      ({ state, routeDevice }) => state === 'alive' && routeDevice !== undefined && routeDevice !== underlay.device,
    );
    const { device, address, reason, configuredDevice = device } = underlay;
    return [
      ...(lost.length === 0
        ? []
        : [
            found(
              finds,
              'underlay-lost',
              lost,
              byHand('give the device its address back; weft follows within a second', `ip address show dev ${device}`),
            ),
          ]),
      ...(elsewhere.length === 0
        ? []
        : [
            found(
              finds,
              'underlay-wrong-interface',
              [`weft uses ${address} of ${device}, since ${reason}`, ...elsewhere.map(describe)],
              byHand(
                'set underlay.interface to the right device, or correct the route',
                ...elsewhere.map(({ endpoint }) => `ip route get ${hostOf(endpoint)}`),
              ),
            ),
          ]),
      ...(configuredDevice === device
        ? []
        : [
            found(
              finds,
              'underlay-renamed',
              [
                `the underlay interface ${configuredDevice} is named ${device} now; underlay.interface still says ${configuredDevice}`,
              ],
              byHand(
                `set underlay.interface to ${device}, or rename the interface back: the daemon looks for ${configuredDevice} when it is started again`,
                `ip link set ${device} name ${configuredDevice}`,
              ),
            ),
          ]),
    ];
  },
};

function describe({ name, endpoint, routeDevice }: PeerFacts): string {
  return `the route to ${name} (${endpoint}) leads through ${routeDevice}`;
}
