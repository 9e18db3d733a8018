/** What probes of a daemon that does not exist came to: the same each time, for tests of the control API and of the CLI. */
import type { Matrix } from '../../src/api/matrix-api.ts';
import type { PingRound } from '../../src/api/ping-api.ts';
import type { Trace, TraceStep } from '../../src/api/trace-api.ts';

/** A node whose data port did not answer. */
export const fixedPing: PingRound = {
  target: { kind: 'node', label: 'n2', node: 'n2', remark: '' },
  ways: [
    { way: 'underlay', to: '198.18.0.2', roundTripMs: 0.21, problem: '' },
    { way: 'data-port', to: '198.18.0.2:4789', roundTripMs: null, problem: '' },
  ],
};

/** Two nodes; the pod of n2 answered two of three from n1. */
export const fixedMatrix: Matrix = {
  count: 3,
  nodes: ['n1', 'n2'],
  pods: ['n2/web'],
  rows: [
    {
      from: 'n1',
      nodes: [{ node: 'n2', relay: '', sent: 3, lost: 0, minMs: 0.29, meanMs: 0.31, problem: '' }],
      pods: [{ pod: 'n2/web', address: '10.244.2.2', sent: 3, lost: 1, minMs: 0.4, meanMs: 0.42, problem: '' }],
      settling: ['n2'],
    },
    {
      from: 'n2',
      nodes: [{ node: 'n1', relay: '', sent: 3, lost: 0, minMs: 0.28, meanMs: 0.3, problem: '' }],
      pods: [{ pod: 'n2/web', address: '10.244.2.2', sent: 3, lost: 0, minMs: 0.04, meanMs: 0.05, problem: '' }],
      settling: [],
    },
  ],
  silent: [{ node: 'n3', code: 'remote-unreachable', message: 'cannot reach n3' }],
  asked: 4,
  lossy: 1,
};

/** What all steps of a packet from n1 to n2 have. */
const step: TraceStep = {
  node: 'n1',
  hook: 'from-pod',
  role: 'probe',
  id: '00f1e2d3c4b5a697',
  timeMs: 0,
  uncertaintyMs: 0,
  lengthBytes: 84,
  peer: '',
  relay: '',
  from: '',
  to: '',
  reason: '',
  says: '',
  verdict: '',
};
const outer = { peer: 'n2', from: '198.18.0.1:54177', to: '198.18.0.2:4789' };

/** A packet that left n1, came in at n2 and was dropped there. */
export const fixedTrace: Trace = {
  packet: {
    source: '10.244.1.2',
    destination: '10.244.2.2',
    protocol: 'icmp',
    destinationPort: 0,
    sizeBytes: 84,
  },
  source: { label: 'n1/web', node: 'n1', remark: '' },
  destination: { label: 'n2/db', node: 'n2', remark: '' },
  nodes: [
    { node: 'n1', clockOffsetNs: 0, clockUncertaintyNs: 0, lost: 0, problem: '', kernelProblem: '' },
    { node: 'n2', clockOffsetNs: -1_250_000, clockUncertaintyNs: 85_000, lost: 0, problem: '', kernelProblem: '' },
  ],
  probes: [
    {
      number: 1,
      fate: 'dropped',
      text: 'It was dropped at n2: forged-source.',
      roundTripMs: null,
      steps: [
        step,
        { ...step, hook: 'route', timeMs: 0.013, peer: 'n2' },
        { ...step, ...outer, hook: 'encapsulate', timeMs: 0.018 },
        { ...step, ...outer, hook: 'to-underlay', timeMs: 0.035 },
        { ...step, ...outer, node: 'n2', hook: 'from-underlay', timeMs: 0.091, uncertaintyMs: 0.085, peer: 'n1' },
        { ...step, ...outer, node: 'n2', hook: 'drop', timeMs: 0.097, uncertaintyMs: 0.085, reason: 'forged-source' },
      ],
    },
  ],
};
