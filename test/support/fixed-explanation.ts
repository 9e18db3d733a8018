/** What a daemon that does not exist says of packets: the same each time, for tests of the control API and of the CLI. */
import type { Explanation } from '../../src/explain/explanation.ts';
import type { FlowReport } from '../../src/explain/flow-report.ts';

/** A packet for a node that is gone. */
export const fixedExplanation: Explanation = {
  packet: {
    source: { address: '10.244.1.2', node: 'n1', pod: 'web' },
    destination: { address: '10.244.2.1', node: 'n2', pod: '' },
    protocol: 'tcp',
    sourcePort: 40_000,
    destinationPort: 80,
    backend: null,
    sizeBytes: 60,
  },
  remarks: ['n2 is dead: its own address stands for that of its pod db'],
  fate: 'dropped',
  way: 'there',
  reason: 'no-route',
  decision: {
    node: 'n1',
    hook: 'route',
    text: 'dropped as no-route: no node has announced a prefix that covers the destination; the sender was told that there is no route',
  },
  cause: 'the destination node is down or has not joined yet, or nobody has that address',
  remedy: 'look for the prefix in: weft routes; for the node in: weft peers',
  nodes: [
    {
      node: 'n1',
      steps: [
        {
          hook: 'from-pod',
          verdict: 'pass',
          text: '10.244.1.2 is pod web, which is running',
          details: { pod: 'web', node: 'n1' },
        },
        {
          hook: 'route',
          verdict: 'stop',
          text: 'dropped as no-route: no node has announced a prefix that covers the destination; the sender was told that there is no route',
          details: { reason: 'no-route' },
        },
      ],
    },
  ],
  there: {
    fate: 'dropped',
    reason: 'no-route',
    decision: {
      node: 'n1',
      hook: 'route',
      text: 'dropped as no-route: no node has announced a prefix that covers the destination; the sender was told that there is no route',
    },
  },
  back: null,
  around: {
    from: '2026-01-03T04:04:30.000Z',
    to: '2026-01-03T04:05:30.000Z',
    conclusion: '12 there, 0 back: 12 there dropped at n1 as no-route',
    nodes: [
      {
        node: 'n1',
        error: '',
        packetsSince: '2026-01-03T03:59:00.000Z',
        dropsSince: '2026-01-03T00:00:00.000Z',
        seen: [
          {
            way: 'there',
            hook: 'drop',
            reason: 'no-route',
            direction: '',
            rule: '',
            peer: '',
            packets: 12,
            first: '2026-01-03T04:05:00.100Z',
            last: '2026-01-03T04:05:12.100Z',
          },
        ],
        events: [
          {
            time: '2026-01-03T04:05:00.000Z',
            kind: 'member-dead',
            message: 'n2 is dead: it has not refuted the suspicion in time',
          },
        ],
      },
    ],
  },
};

/** A node with one flow of each kind, and one that could not be asked. */
export const fixedFlows: readonly FlowReport[] = [
  {
    node: 'n1',
    error: '',
    packetsSince: '2026-01-03T03:59:00.000Z',
    dropsSince: '2026-01-03T00:00:00.000Z',
    flows: [
      {
        source: '10.244.1.2',
        destination: '10.244.2.2',
        sourcePod: 'n1/web',
        destinationPod: 'n2/db',
        protocol: 'tcp',
        sourcePort: 40_000,
        destinationPort: 5201,
        direction: 'egress',
        verdict: 'sent',
        reason: '',
        rule: '',
        packets: 3_120,
        bytes: 4_517_760,
        peer: 'n2',
        relay: '',
        route: '10.244.2.0/24',
        origin: 'n2',
        first: '2026-01-03T04:04:30.000Z',
        last: '2026-01-03T04:04:59.500Z',
      },
      {
        source: '10.244.1.2',
        destination: '10.244.9.9',
        sourcePod: 'n1/web',
        destinationPod: '',
        protocol: 'icmp',
        sourcePort: 0,
        destinationPort: 0,
        direction: 'egress',
        verdict: 'dropped',
        reason: 'no-route',
        rule: '',
        packets: 3,
        bytes: 252,
        peer: '',
        relay: '',
        route: '',
        origin: '',
        first: '2026-01-03T04:04:30.000Z',
        last: '2026-01-03T04:04:32.000Z',
      },
    ],
    omitted: 4,
  },
  { node: 'n3', error: 'no answer within 5 s', packetsSince: '', dropsSince: '', flows: [], omitted: 0 },
];
