/** Whether the kernel leads packets of pods into the overlay, and has room for them. */
import { byHand, type DaemonCheck, type FindingKinds, found } from '../check.ts';
import type { KernelWays } from '../facts.ts';
import type { Finding } from '../finding.ts';

const finds: FindingKinds = {
  'pods-diverted': {
    severity: 'error',
    title: 'the kernel leads packets of pods for other nodes out of another device than that of weft',
    cause:
      'a policy rule (ip rule) of a VPN or another program comes before the main table, or somebody set a more specific route',
    follows: ['kernel-state-missing', 'prefix-overlaps-host-route'],
  },
  'conntrack-nearly-full': {
    severity: 'warning',
    title: 'the table of tracked connections is nearly full: when it is full, the kernel drops what begins a new one',
    cause: 'many connections, or a flood of them, or a limit that is too low for this node',
  },
  'queue-short': {
    severity: 'warning',
    title: "the queue of weft's device was made short: bursts of packets from pods are dropped",
    cause: 'somebody, or a tuning tool, lowered its txqueuelen',
  },
};

/** What Linux gives a TUN device. */
const USUAL_QUEUE_PACKETS = 500;

const NEARLY = 0.9;

export const kernelWays: DaemonCheck = {
  subject: 'where the kernel leads packets of pods, and what room it has',
  needs: 'daemon',
  finds,
  looksAt: ['ways'],
  look: ({ daemon: { ways }, host: { plumbing } }) => [
    ...diversions(ways, plumbing.tunDevice),
    ...tracking(ways),
    ...queue(ways, plumbing.tunDevice),
  ],
};

function diversions({ diverted, rules }: KernelWays, tunDevice: string): Finding[] {
  if (diverted.length === 0) return [];
  const evidence = diverted.map(
    ({ pod, node, address, device, table }) =>
      `packets from pod ${pod} to ${node} (${address}) leave by ${device}, by table ${table}, and not by ${tunDevice}`,
  );
  const before = rules.length === 0 ? [] : [`rules before the main table: ${rules.join('; ')}`];
  const [first] = diverted;
  const fix = byHand(
    'remove the rule or route, or let prefixes of the overlay go to the main table before it',
    'ip rule show',
    `ip route get ${first!.address}`,
    `ip route show table ${first!.table}`,
  );
  return [found(finds, 'pods-diverted', [...evidence, ...before], fix)];
}

function tracking({ tracked }: KernelWays): Finding[] {
  if (tracked === undefined || tracked.used < NEARLY * tracked.limit) return [];
  const fix = byHand(
    'raise the limit, and find out who opens so many; packets between nodes on the VXLAN port are not tracked',
    `sysctl -w net.netfilter.nf_conntrack_max=${tracked.limit * 2}`,
    'conntrack -S',
  );
  return [found(finds, 'conntrack-nearly-full', [`${tracked.used} of ${tracked.limit} connections are tracked`], fix)];
}

function queue({ queuePackets }: KernelWays, tunDevice: string): Finding[] {
  if (queuePackets === undefined || queuePackets >= USUAL_QUEUE_PACKETS) return [];
  const evidence = [`txqueuelen of ${tunDevice} is ${queuePackets}, and was ${USUAL_QUEUE_PACKETS}`];
  const fix = byHand('give it its length again', `ip link set dev ${tunDevice} txqueuelen ${USUAL_QUEUE_PACKETS}`);
  return [found(finds, 'queue-short', evidence, fix)];
}
