import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import type { CaptureLine } from '../../src/cli/capture-lines.ts';
import type { PolicyMatrix, PolicyTest } from '../../src/cli/policy-answer.ts';
import type { PolicyDetail } from '../../src/cli/policy-detail.ts';
import type { PolicyListing } from '../../src/cli/policy-listing.ts';
import type { PolicyCheck } from '../../src/cli/policy-remarks.ts';
import type { Version } from '../../src/api/control-api.ts';
import type { ResetReport } from '../../src/daemon/reset.ts';
import type { Report } from '../../src/cli/report-archive.ts';
import type { ClusterCheck } from '../../src/kubectl/cluster-check.ts';
import type { DownReport } from '../../src/lab/down.ts';
import type { LabMatrix } from '../../src/lab/matrix.ts';
import type { ListedLab } from '../../src/lab/list.ts';
import type { LabStatus } from '../../src/lab/status.ts';

const text = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'commands.md'), 'utf8');

// The compiler knows that these have every key.
const version: Version = { version: '', node: '' };
const reset: ResetReport = { pods: [''], namespaces: [''], devices: [''], routes: [''], nftTables: [''], files: [''] };
const pods = [{ name: '', netns: '', addresses: [''] }];
const status: LabStatus = {
  name: '',
  nodes: [{ name: '', netns: '', pid: 1, endpoint: '', prefixes: [''], socket: '', pods }],
};
const matrix: LabMatrix = {
  name: '',
  pods: [''],
  cells: [{ from: '', to: '', family: 4, address: '', rttMs: 1 }],
  lost: 0,
  down: [''],
};
const list: ListedLab[] = [{ name: '', nodes: 1, running: 1, namespaces: 1 }];
const report: Report = {
  file: '',
  sizeBytes: 1,
  files: [''],
  missing: [{ file: '', reason: '' }],
  removed: 1,
};
const capture: CaptureLine = {
  time: '',
  node: '',
  hook: '',
  direction: 'out',
  id: '',
  worker: 0,
  lengthBytes: 0,
  packet: '',
  source: '',
  destination: '',
  comment: { verdict: '', route: '', origin: '', version: '', peer: '' },
};
const check: ClusterCheck = {
  namespace: '',
  nodes: [''],
  image: '',
  checks: [{ name: '', family: 4, outcome: 'failed', detail: '', tookMs: null, explanation: '' }],
};
const end = { pod: '', node: '', address: '' };
const edge = { allowed: false, kind: 'isolated', cause: '', places: [''], audited: [] } as const;
const policyTest: PolicyTest = {
  allowed: false,
  source: end,
  destination: end,
  asked: '',
  open: [''],
  judged: '',
  egress: edge,
  ingress: edge,
  labelsUnknown: [],
  notes: [],
};
const policyMatrix: PolicyMatrix = {
  asked: '',
  pods: [''],
  cells: [{ from: '', to: '', allowed: false, open: [''] }],
  labelsUnknown: [],
  notes: [''],
};
const head = {
  policy: '',
  kind: 'NetworkPolicy',
  source: 'kubernetes',
  state: 'enforced',
  problems: [],
  mode: 'enforce',
  tier: 'namespace',
  priority: 0,
  directions: ['ingress'],
} as const;
const remarks = { missing: [{ node: '', code: '', message: '' }], notices: [''] };
const policyList: PolicyListing = {
  node: '',
  policies: [{ ...head, pods: { all: 1, own: 1, unknown: 0 }, allowed: 1, denied: 1, audited: 1, last: '' }],
  ...remarks,
};
const use = { count: 1, since: '', last: '', nodes: [''] };
const policyShow: PolicyDetail = {
  node: '',
  ...head,
  subject: '',
  pods: [{ pod: '', node: '', known: true }],
  rules: [{ place: '', direction: 'ingress', title: '', action: 'allow', meaning: '', peers: 1, ...use }],
  others: [{ direction: 'ingress', cause: '', effect: 'denied', ...use }],
  ...remarks,
};
const policyCheck: PolicyCheck = {
  files: 1,
  policies: [''],
  remarks: [{ severity: 'warning', place: '', policy: '', text: '' }],
  passedOver: { Deployment: 1 },
};
const down: DownReport = { name: '', namespaces: 1, processes: 1, files: true };

/** The first JSON example below a heading. */
function example(heading: string): unknown {
  const section = text.slice(text.indexOf(`\n## ${heading}\n`));
  return JSON.parse(/```json\n(.*?)```/s.exec(section)![1]!);
}

function keyPaths(value: unknown, path = ''): string[] {
  if (Array.isArray(value)) return keyPaths(value[0], `${path}[]`);
  if (typeof value !== 'object' || value === null) return [path];
  return Object.entries(value).flatMap(([key, inner]) => [`${path}.${key}`, ...keyPaths(inner, `${path}.${key}`)]);
}

for (const [heading, value] of Object.entries({
  version,
  reset,
  capture,
  report,
  'kubernetes check': check,
  'policy list': policyList,
  'policy show': policyShow,
  'policy test': policyTest,
  'policy matrix': policyMatrix,
  'policy check': policyCheck,
  'lab list': list,
  'lab status': status,
  'lab matrix': matrix,
  'lab down': down,
})) {
  test(`the example has every key of weft ${heading} --json`, (t) =>
    t.deepEqual(keyPaths(example(heading)), keyPaths(value)));
}
