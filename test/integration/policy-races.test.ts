/**
 * Policies and pods change while datagrams go both ways all the time, and the daemon is killed in the midst of each change, or while it starts
 * again. Every datagram that passed is judged afterwards: a state must have allowed it that was in force between its sending and its arrival.
 * While a change is made, those are the state before and the new one; once the daemon is back and says that it enforces the new one, that alone.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { WeftError } from '../../src/errors.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';
import { type HeardDatagram, parseHeard, sharedNowUs } from '../support/policy-traffic.ts';
import type { Program } from '../support/program.ts';
import { TestLab } from '../support/test-lab.ts';
import { until } from '../support/until.ts';

const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000);

/** Changes of the policy, of labels and of pods in the middle, at random. Before and after them there are five others. */
const CHANGES = 4;

/** About as long as a change takes, and a daemon to start, in ms: it is killed within that time. */
const CHANGE_MS = 120;
const START_MS = 2_000;

/** Of so many changes, the daemon is killed again in one while it starts. */
const CHANGES_PER_START = 3;

const script = fileURLToPath(new URL('../support/policy-traffic.ts', import.meta.url));

/** All of n1 but `far`. The others talk to web, and web to them. */
const places = {
  web: { node: 'n1', pod: 'p1', address: '10.244.1.2' },
  near: { node: 'n1', pod: 'p2', address: '10.244.1.3' },
  late: { node: 'n1', pod: 'p3', address: '10.244.1.4' },
  far: { node: 'n2', pod: 'p1', address: '10.244.2.2' },
} as const;
type Place = keyof typeof places;
const allPlaces = Object.keys(places) as Place[];
const others = ['near', 'late', 'far'] as const;
type Other = (typeof others)[number];

/** The pod that gets the address of another, in its place. */
const HEIR = 'heir';

interface State {
  /** Whom the policy of web lets in and out; `undefined`: there is no policy. */
  readonly policy: string | undefined;
  /** What the pods of these places are; absent: there is none. */
  readonly roles: Readonly<Partial<Record<Other, string>>>;
}

/** A state, and since when it may have been in force. */
interface Epoch {
  readonly what: string;
  readonly state: State;
  readonly beginUs: number;
  /** Since when no earlier one is. */
  aloneUs: number;
}

/** A change: what it leads to, and what the daemon is told for it. Told again, it does no harm. */
interface Change {
  readonly what: string;
  readonly state: State;
  readonly tell: () => Promise<unknown>;
}

const random = new SeededRandom(seed);
const epochs: Epoch[] = [];
/** What was heard, by way: `near to web`. */
const heard: { readonly way: string; readonly other: Other; readonly datagram: HeardDatagram }[] = [];
const talkers = new Map<Place, { readonly program: Program; readLength: number }>();
let lab: TestLab;
let daemon: Program;
let kills = 0;

async function setRole(place: Place, role: string, name: string = places[place].pod): Promise<void> {
  const { node, pod, address } = places[place];
  const netns = `/run/netns/${lab.name}-${node}-${pod}`;
  const wish = { netns, labels: { role }, ...(name === HEIR && { addresses: [address] }) };
  await lab.control(node).addPod(name, wish);
}

async function setPolicy(role: string | undefined): Promise<void> {
  const name = 'web';
  const peers = [{ podSelector: { matchLabels: { role: role ?? '' } } }];
  const spec = {
    podSelector: { matchLabels: { role: 'web' } },
    policyTypes: ['Ingress', 'Egress'],
    ingress: [{ from: peers }],
    egress: [{ to: peers }],
  };
  const policy = { apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', metadata: { name }, spec };
  await lab
    .control('n1')
    .givePolicies(
      role === undefined ? { delete: [{ kind: 'NetworkPolicy', namespace: 'default', name }] } : { apply: [policy] },
    );
}

function policyChange(what: string, { roles }: State, policy: string | undefined): Change {
  return { what, state: { policy, roles }, tell: async () => setPolicy(policy) };
}

function otherRole(role: string | undefined): string {
  return role === 'client' ? 'guest' : 'client';
}

const kinds: readonly ((state: State) => Change)[] = [
  (state) => policyChange('the policy is another', state, otherRole(state.policy)),
  ({ policy, roles }) => {
    const near = otherRole(roles.near);
    const state = { policy, roles: { ...roles, near } };
    return { what: `near gets the label ${near}`, state, tell: async () => setRole('near', near) };
  },
  ({ policy, roles }) => {
    const near = otherRole(roles.near);
    const tell = async (): Promise<void> => {
      await lab.control('n1').removePod('p2');
      await setRole('near', near);
    };
    return { what: `near is made anew as ${near}`, state: { policy, roles: { ...roles, near } }, tell };
  },
];

function startDaemon(): void {
  daemon = lab.daemon('n1');
}

async function killDaemon(): Promise<void> {
  kills++;
  await daemon.end('SIGKILL');
}

async function isAnswering(): Promise<boolean> {
  if (daemon.child.exitCode !== null) throw new Error(`the daemon ended: ${daemon.stderr}${daemon.stdout}`);
  return lab.control('n1').isAnswering();
}

async function untilDaemonAnswers(): Promise<void> {
  const deadlineMs = 180_000;
  await until('n1 answers', isAnswering, deadlineMs);
}

/** What a daemon was told that is killed may have been done, or not. */
async function tellKilled(tell: () => Promise<unknown>): Promise<void> {
  try {
    await tell();
  } catch (error) {
    if (!(error instanceof WeftError) || !error.code.startsWith('daemon-')) throw error;
  }
}

/** Makes a change, and kills the daemon meanwhile. */
async function make({ what, state, tell }: Change): Promise<State> {
  const epoch: Epoch = { what, state, beginUs: sharedNowUs(), aloneUs: Infinity };
  epochs.push(epoch);
  const told = tellKilled(tell);
  await sleep(random.between(0, CHANGE_MS));
  await killDaemon();
  await told;
  startDaemon();
  if (random.below(CHANGES_PER_START) === 0) {
    await sleep(random.between(0, START_MS));
    await killDaemon();
    startDaemon();
  }
  await untilDaemonAnswers();
  await tell();
  await until('the daemon says that it enforces it', async () => {
    const { notices } = await lab.control('n1').givePolicies({});
    return notices.length === 0;
  });
  epoch.aloneUs = sharedNowUs();
  await untilAllowedPasses(epoch);
  return state;
}

function isAllowed({ policy, roles }: State, other: Other): boolean {
  return roles[other] !== undefined && (policy === undefined || roles[other] === policy);
}

/** Takes what was heard since the last time. */
function listen(): void {
  for (const [place, talker] of talkers) {
    const { stdout } = talker.program;
    const end = stdout.lastIndexOf('\n') + 1;
    const lines = stdout.slice(talker.readLength, end).split('\n').slice(0, -1);
    talker.readLength = end;
    for (const datagram of lines.map(parseHeard)) {
      const other = (place === 'web' ? datagram.from : place) as Other;
      heard.push({ way: `${datagram.from} to ${place}`, other, datagram });
    }
  }
}

/** Both ways: by then, what is denied was tried as well. */
async function untilAllowedPasses({ what, state, aloneUs }: Epoch): Promise<void> {
  const allowed = others.filter((other) => isAllowed(state, other));
  const missing = new Set(allowed.flatMap((other) => [`${other} to web`, `web to ${other}`]));
  let looked = heard.length;
  await until(`all that is allowed passes after: ${what}`, () => {
    listen();
    for (; looked < heard.length; looked++)
      if (heard[looked]!.datagram.sentUs > aloneUs) missing.delete(heard[looked]!.way);
    return missing.size === 0;
  });
}

/** Datagrams that passed though no state allowed them that was in force while they were on their way. */
function wronglyPassed(): string[] {
  return heard.flatMap(({ way, other, datagram: { sentUs, heardUs } }) => {
    const inForce = epochs.filter(
      ({ beginUs }, index) => beginUs <= heardUs && sentUs <= (epochs[index + 1]?.aloneUs ?? Infinity),
    );
    if (inForce.some(({ state }) => isAllowed(state, other))) return [];
    const { what, aloneUs } = inForce.at(-1)!;
    const lateMs = Math.round((sentUs - aloneUs) / 1_000);
    return [`${way}, when ${what}: ${lateMs < 0 ? 'while that changed' : `${lateMs} ms after it was enforced`}`];
  });
}

test.before(async () => {
  lab = await TestLab.up('--nodes', '2', '--pods', '3');
  await lab.lab('stop', 'n1');
  startDaemon();
  await untilDaemonAnswers();
});

test.after.always(async () => lab?.down());

test(`nobody passes whom both the old and the new state deny, though the daemon is killed (SEED=${seed})`, async (t) => {
  await setRole('web', 'web');
  for (const other of others) await setRole(other, 'client');
  const pods = await Promise.all(['n1', 'n2'].map(async (node) => lab.control(node).pods()));
  const found = pods.flat().flatMap(({ addresses }) => addresses);
  t.true(allPlaces.every((place) => found.includes(places[place].address)));
  const roles = { near: 'client', late: 'client', far: 'client' };
  let state: State = { policy: undefined, roles };
  epochs.push({ what: 'nothing', state, beginUs: 0, aloneUs: sharedNowUs() });
  for (const place of allPlaces) {
    const addresses = (place === 'web' ? others : (['web'] as const)).map((other) => places[other].address);
    const argv = [process.execPath, script, place, ...addresses];
    const { node, pod } = places[place];
    talkers.set(place, { program: lab.background(`${node}-${pod}`, ...argv), readLength: 0 });
  }
  await untilAllowedPasses(epochs[0]!);

  state = await make(policyChange('there is a policy', state, 'client'));
  const { late: _, ...left } = roles;
  state = await make({
    what: 'late is gone',
    state: { policy: 'client', roles: left },
    tell: async () => lab.control('n1').removePod('p3'),
  });
  const inherit = async (): Promise<void> => setRole('late', 'guest', HEIR);
  const error = await t.throwsAsync(inherit(), { instanceOf: WeftError, code: 'address-cooling' });
  const cooledMs = performance.now() + 1_000 * Number(error.details['waitSeconds']);

  for (const kind of random.some([...kinds, ...kinds], CHANGES)) state = await make(kind(state));
  state = await make(policyChange('the policy is gone', state, undefined));
  state = await make(policyChange('there is a policy again', state, 'client'));
  await sleep(Math.max(0, cooledMs - performance.now()));
  state = await make({
    what: 'the address of late goes to another pod',
    state: { policy: 'client', roles: { ...state.roles, late: 'guest' } },
    tell: inherit,
  });

  listen();
  t.deepEqual([...new Set(wronglyPassed())], []);
  t.log(`${epochs.length - 1} changes, ${kills} kills, ${heard.length} datagrams passed`);
});
