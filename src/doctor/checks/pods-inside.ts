/** Whether pods still have inside what weft gave them, and let packets in and out. */
import { firstPacket } from '../../firewall/filtered-packet.ts';
import { judgePassage } from '../../firewall/judgement.ts';
import { IpProtocol } from '../../wire/ip.ts';
import { byDoctor, byHand, type DaemonCheck, type FindingKinds, found } from '../check.ts';
import type { PodInsideFacts, PortQuestion } from '../facts.ts';
import type { Finding } from '../finding.ts';
import { whereWords } from '../firewall-words.ts';

const finds: FindingKinds = {
  'pod-broken': {
    severity: 'error',
    title: 'a pod lacks inside of its namespace what weft gave it',
    cause: 'a program in the pod, or somebody who entered its namespace, changed its interface, addresses or routes',
  },
  'pod-firewall': {
    severity: 'note',
    title: 'a firewall inside of a pod refuses packets',
    cause: "a program in the pod set these rules; they are the pod's own, and may be meant",
  },
  'pod-ignores-pings': {
    severity: 'note',
    title: 'a pod does not answer pings, by its own kernel parameters',
    cause: 'icmp_echo_ignore_all is set in its namespace; other traffic is not concerned',
  },
  'pod-port-closed': {
    severity: 'warning',
    title: 'nothing in the pod takes packets to this port',
    cause: 'the program is not running, is still starting, or listens on another port or on loopback only',
  },
  'pod-not-seen': {
    severity: 'note',
    title: 'the inside of a pod could not be looked at',
    cause: 'its namespace cannot be entered from here, or a program could not be run',
  },
};

export const podsInside: DaemonCheck = {
  subject: 'pods from the inside: interface, addresses, routes, firewall',
  needs: 'daemon',
  finds,
  look: ({ daemon: { podsInside: pods }, question }) => {
    const broken = pods.filter(({ faults }) => faults.length > 0);
    const filtered = pods.flatMap((pod) => refusals(pod).map((text) => `pod ${pod.name}: ${text}`));
    const mute = pods.filter(({ ignoresPings }) => ignoresPings.length > 0);
    const unseen = pods.filter(({ problem }) => problem !== '');
    return [
      ...(broken.length === 0 ? [] : [found(finds, 'pod-broken', broken.map(faultWords), remedyFor(broken))]),
      ...(filtered.length === 0
        ? []
        : [
            found(
              finds,
              'pod-firewall',
              filtered,
              byHand(
                'look at the rules inside of the pod',
                ...pods.filter((pod) => refusals(pod).length > 0).map(({ netns }) => inside(netns, 'nft list ruleset')),
              ),
            ),
          ]),
      ...(mute.length === 0
        ? []
        : [
            found(
              finds,
              'pod-ignores-pings',
              mute.map(
                ({ name, ignoresPings }) => `pod ${name}: ${ignoresPings.map((family) => `IPv${family}`).join(', ')}`,
              ),
              byHand('leave it, or set it to 0 inside of the pod'),
            ),
          ]),
      ...(question === undefined ? [] : closedPort(question, pods)),
      ...(unseen.length === 0
        ? []
        : [
            found(
              finds,
              'pod-not-seen',
              unseen.map(({ name, problem }) => `pod ${name}: ${problem}`),
              byHand('look at it from where its namespace is seen'),
            ),
          ]),
    ];
  },
};

function closedPort({ pod, protocol, port }: PortQuestion, pods: readonly PodInsideFacts[]): Finding[] {
  const seen = pods.find(({ name, problem }) => name === pod && problem === '');
  if (seen === undefined) return [];
  const sockets = seen.listening.filter((socket) => socket.protocol === protocol && socket.port === port);
  const isOpen = sockets.some(({ scope }) => scope !== 'loopback');
  if (isOpen) return [];
  const name = `${protocol.toUpperCase()} port ${port}`;
  const evidence =
    sockets.length === 0
      ? `pod ${pod}: no socket listens on ${name}`
      : `pod ${pod}: ${name} listens on ${[...new Set(sockets.map(loopbackOf))].join(' and ')} only`;
  const remedy = sockets.length === 0 ? 'start the program' : 'have the program listen on 0.0.0.0 or [::]';
  return [
    found(
      finds,
      'pod-port-closed',
      [evidence],
      byHand(remedy, inside(seen.netns, `ss -ln${protocol === 'tcp' ? 't' : 'u'}p`)),
    ),
  ];
}

function loopbackOf({ family }: PodInsideFacts['listening'][number]): string {
  return family === 4 ? '127.0.0.1' : '::1';
}

function faultWords({ name, faults }: PodInsideFacts): string {
  return `pod ${name}: ${faults.map(({ message }) => message).join(', ')}`;
}

function remedyFor(broken: readonly PodInsideFacts[]): ReturnType<typeof byHand> {
  const isAll = broken.every(({ faults }) => faults.every(({ isRepairable }) => isRepairable));
  if (isAll) return byDoctor('weft gives the pod again what it got from "weft pod add"');
  return byHand(
    'look inside of the pod; "weft doctor --fix" gives it again what weft can give',
    ...broken.flatMap(({ netns, device }) => [
      inside(netns, `ip neighbour show dev ${device}`),
      inside(netns, 'ip route show'),
    ]),
  );
}

function inside(netns: string, command: string): string {
  return `nsenter --net=${netns} ${command}`;
}

/** What the rules of the pod do to first packets of the usual kinds, in and out. */
function refusals({ firewall, addresses, device }: PodInsideFacts): string[] {
  if (firewall.chains.length === 0) return [];
  const texts = addresses.flatMap((own) =>
    (['incoming', 'outgoing'] as const).flatMap((passage) =>
      [IpProtocol.tcp, IpProtocol.udp, own.family === 4 ? IpProtocol.icmp : IpProtocol.icmpv6].flatMap((protocol) => {
        const isIn = passage === 'incoming';
        const { verdict, place } = judgePassage(
          firewall,
          passage,
          firstPacket({
            family: own.family,
            protocol,
            inDevice: isIn ? device : '',
            outDevice: isIn ? '' : device,
            ...(isIn ? { destination: own } : { source: own }),
          }),
        );
        if (verdict !== 'drop' && verdict !== 'reject') return [];
        const by = place === undefined ? '' : `: ${whereWords(place)}`;
        return [`${isIn ? 'nothing new comes in' : 'nothing new goes out'} by ${nameOf(protocol)}${by}`];
      }),
    ),
  );
  return [...new Set(texts)];
}

function nameOf(protocol: number): string {
  return { [IpProtocol.tcp]: 'TCP', [IpProtocol.udp]: 'UDP' }[protocol] ?? 'ICMP';
}
