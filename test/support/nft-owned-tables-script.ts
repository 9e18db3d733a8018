/**
 * What becomes of tables of nftables that weft owns, in a network namespace of this process's own: run it by `unshare --net`. Prints
 * what it saw, step by step, as JSON.
 */
import { type ChildProcess, execFileSync } from 'node:child_process';
import { subscribe } from 'node:diagnostics_channel';
import { NftChanges } from '../../src/daemon/audit/nft-changes.ts';
import { KernelChangeSockets } from '../../src/linux/kernel-change-sockets.ts';
import { readCounters, readNftGeneration } from '../../src/linux/nft-netlink.ts';
import { type NftWitness, OwnedTables } from '../../src/linux/nft-owned-tables.ts';
import type { NftDifference } from '../../src/linux/nft-table-look.ts';
import { removeOwnTables } from '../../src/linux/nftables.ts';
import type { NftTableContent } from '../../src/linux/nft-table-content.ts';
import type { NftTableRevision } from '../../src/linux/nft-table-revision.ts';

/** What was seen, by step. */
export type OwnedTablesReport = Readonly<Record<string, unknown>>;

const TABLE = { family: 'inet', name: 'weft-test' } as const;
const LATER_MS = 700_000;

const report: Record<string, unknown> = {};

/** Programs that this process started, but for those of {@link nft}, which it waits for. */
let programs = 0;
/** What somebody does as soon as the next of them has ended, before this process knows. */
let meanwhile: (() => void) | undefined;
subscribe('child_process', (message) => {
  programs++;
  (message as { readonly process: ChildProcess }).process.once('exit', () => {
    const act = meanwhile;
    meanwhile = undefined;
    act?.();
  });
});

/** How many programs something takes. */
async function programsOf(action: () => Promise<unknown>): Promise<number> {
  const before = programs;
  await action();
  return programs - before;
}

function nft(command: string, ...options: readonly string[]): string {
  return execFileSync('nft', [...options, command], { encoding: 'utf8' });
}

/** Elements of a set, as JSON. */
function elementsOf(set: string): string[] {
  const { nftables } = JSON.parse(nft(`list set inet weft-test ${set}`, '-j')) as {
    nftables: { set?: { elem?: unknown[] } }[];
  };
  return (nftables.find((one) => one.set !== undefined)?.set?.elem ?? []).map((element) => JSON.stringify(element));
}

/** Elements of the set of that name. */
function bound(...addresses: readonly string[]): Set<string> {
  return new Set(addresses.map((address) => `wf0 . ${address} . 02:00:00:00:00:01`));
}

/** Packets of a counter and of an element that the kernel would count. */
function packets(): number[] {
  return [...nft('list table inet weft-test').matchAll(/packets (\d+)/g)].map(([, count]) => Number(count));
}

function handle(): string {
  return /handle (\d+)/.exec(execFileSync('nft', ['-a', 'list table inet weft-test'], { encoding: 'utf8' }))![1]!;
}

function content(addresses: readonly string[], rules: readonly string[] = ['ip saddr @node4 accept']): NftTableContent {
  return {
    table: TABLE,
    counters: ['refused'],
    sets: {
      node4: { type: 'ipv4_addr', elements: new Set(addresses) },
      bound: {
        type: 'ifname . ipv4_addr . ether_addr',
        details: 'flags interval;',
        elements: new Set(['wf0 . 10.0.0.0/24 . 02:00:00:00:00:01']),
      },
      seen: { type: 'ifname', details: 'size 8; flags dynamic,timeout; timeout 10m; counter;' },
    },
    chains: {
      refuse: { rules: ['counter name refused', 'update @seen { iifname }', 'drop'] },
      input: { hook: 'type filter hook input priority 0; policy accept;', rules: [...rules, 'goto refuse'] },
    },
  };
}

function owner(options: { readonly witness?: NftWitness; readonly nowMs?: () => number } = {}): OwnedTables {
  return new OwnedTables({ nowMs: () => 0, ...options });
}

/** Has the kernel count: a packet to this host, from an address that is not let in. */
function send(): void {
  execFileSync('sh', ['-c', 'ip link set lo up; ping -nqc1 -W1 127.0.0.1 > /dev/null || true']);
}

const few = ['198.18.0.1', '198.18.0.2'];
const inspect = async (tables: OwnedTables): Promise<readonly NftDifference[]> => tables.inspect();

async function countsAndLayout(): Promise<void> {
  const tables = owner();
  await tables.make([content(few)], 'test');
  report['made: programs'] = await programsOf(async () => inspect(tables));
  report['made'] = await inspect(tables);
  send();
  report['counted'] = packets();
  report['counter of the table'] = [...(readCounters(TABLE) ?? [])];
  report['counters of no table'] = readCounters({ ...TABLE, name: 'nobody' }) ?? 'none';
  const first = handle();

  await tables.make([content(few)], 'test');
  report['made again: counts'] = packets();
  report['made again: same table'] = handle() === first;

  const generation = readNftGeneration();
  await tables.apply([content(few)], 'test');
  report['applied the same: transactions'] = readNftGeneration()! - generation!;
  await tables.apply([content(['198.18.0.2', '198.18.0.3'])], 'test');
  report['applied: transactions'] = readNftGeneration()! - generation!;
  report['applied: elements'] = [...nft('list set inet weft-test node4').matchAll(/198\.18\.0\.\d/g)].map(String);
  await tables.apply([content(['198.18.0.2', '198.18.0.3'], ['ip saddr @node4 ip protocol icmp accept'])], 'test');
  report['applied: rules'] = nft('list chain inet weft-test input').includes('ip protocol icmp accept');
  report['applied: counts'] = packets();
  report['applied: inspected'] = await inspect(tables);

  nft('flush table inet weft-test');
  report['flushed'] = await inspect(tables);
  await tables.restore('test');
  report['restored: inspected'] = await inspect(tables);
  report['restored: counts'] = packets();

  // Another daemon, which knows nothing of the one before.
  const next = owner();
  await next.make([content(few)], 'test');
  report['next daemon: counts'] = packets();
  report['next daemon: same table'] = handle() === first;

  nft(
    'delete table inet weft-test; add table inet weft-test; add chain inet weft-test input { type filter hook output priority 0; }',
  );
  report['replaced'] = (await inspect(next)).map(({ kind }) => kind);
  await next.restore('test');
  report['replaced: inspected'] = await inspect(next);

  nft('add chain inet weft-test stranger');
  report['a chain more'] = await inspect(next);
  await next.apply([content([...few, '198.18.0.9'])], 'test');
  report['a chain more, after a change'] = await inspect(next);
  await next.restore('test');
  report['a chain more, restored'] = await inspect(next);

  nft('delete element inet weft-test node4 { 198.18.0.9 }; add element inet weft-test node4 { 198.18.0.77 }');
  report['elements'] = await inspect(next);
  await next.restore('test');

  nft('delete element inet weft-test node4 { 198.18.0.9 }');
  await next.apply([content(few)], 'test');
  report['a change that fails is made good'] = await inspect(next);

  await noteThrow(async () => next.apply([content(few, ['no such rule'])], 'test'));
  report['what the kernel does not take'] = await inspect(next);

  nft('add element inet weft-test seen { "gone" }');
  report['changed: programs'] = await programsOf(async () =>
    next.change(
      new Map([
        ['inet weft-test node4', new Set(['198.18.0.9'])],
        ['inet weft-test bound', bound('10.0.1.0/25', '10.0.2.1')],
      ]),
      new Map([['inet weft-test bound', bound('10.0.0.0/24')]]),
      'test',
      new Map([['inet weft-test seen', new Set(['gone', 'never'])]]),
    ),
  );
  report['changed: ranges'] = elementsOf('bound');
  report['changed: forgotten'] = elementsOf('seen').filter((element) => /gone|never/.test(element));
  report['changed: inspected'] = await inspect(next);
  nft('delete element inet weft-test node4 { 198.18.0.9 }');
  report['refused: programs'] = await programsOf(async () =>
    next.change(
      new Map([['inet weft-test node4', new Set(['198.18.0.8'])]]),
      new Map([['inet weft-test node4', new Set(['198.18.0.9'])]]),
      'test',
    ),
  );
  report['refused: inspected'] = await inspect(next);
  await next.change(new Map(), new Map([['inet weft-test node4', new Set(['198.18.0.8'])]]), 'test');

  nft('delete table inet weft-test');
  report['deleted'] = await inspect(next);
  await next.change(new Map([['inet weft-test node4', new Set(['198.18.0.4'])]]), new Map(), 'test');
  report['deleted, and changed'] = await inspect(next);
  report['deleted, and changed: elements'] = [...nft('list set inet weft-test node4').matchAll(/198\.18\.0\.\d/g)].map(
    String,
  );
}

/** Things that leave names and rules as they were. */
const tamperings = {
  'switched off': 'add table inet weft-test { flags dormant; }',
  unhooked: 'flush chain inet weft-test input; delete chain inet weft-test input; add chain inet weft-test input',
  'hooked elsewhere':
    'flush chain inet weft-test input; delete chain inet weft-test input; add chain inet weft-test input { type filter hook output priority 5; }',
  dropping: 'add chain inet weft-test input { policy drop; }',
  forgetful:
    'flush chain inet weft-test input; delete set inet weft-test node4; add set inet weft-test node4 { type ipv4_addr; flags timeout; timeout 1s; }',
} as const;

function isAsDeclared(): boolean {
  const text = nft('list table inet weft-test');
  return (
    text.includes('type filter hook input priority filter; policy accept;') &&
    !text.includes('dormant') &&
    !/set node4 {[^}]*timeout/.test(text)
  );
}

async function declarations(): Promise<void> {
  for (const [what, commands] of Object.entries(tamperings)) {
    const tables = owner();
    await tables.make([content(few)], 'test');
    nft(commands);
    const found = (await inspect(tables)).some(({ kind }) => kind === 'rules-changed');
    await tables.restore('test');
    report[`${what}: found, restored, inspected`] = [found, isAsDeclared(), await inspect(tables)];
    nft(commands);
    const next = owner();
    await next.make([content(few)], 'test');
    report[`${what}: next daemon, inspected`] = [isAsDeclared(), await inspect(next)];
  }
  // The last one that is listed: of such a table nft 1.0.6 writes JSON that ends there.
  const tables = owner();
  await tables.make([content(few)], 'test');
  nft('add table inet weft-pods { flags dormant; }');
  report['removed although switched off'] = await removeOwnTables();
  report['drafts'] = nft('list tables').includes('draft');
}

/** Somebody puts other rules in the place of ours, as many, between a transaction of weft's and its look at what came of it. */
async function meanwhileChanged(): Promise<void> {
  const others = 'flush chain inet weft-test input; add rule inet weft-test input accept';
  const sockets = new KernelChangeSockets();
  const changes = new NftChanges(['inet weft-test']);
  changes.hearBy(() => {
    const { changes: heard, overran } = sockets.read();
    changes.hear(heard, !overran);
  });
  nft('add table ip stranger; add chain ip stranger even-more');
  for (const [who, witness] of [
    ['with a witness', changes],
    ['without', undefined],
  ] as const) {
    const tables = owner(witness && { witness });
    await tables.make([content(few, [])], 'test');
    meanwhile = () => nft(others);
    await tables.restore('test');
    const found = await inspect(tables);
    if (found.length > 0) await tables.restore('test');
    report[`meanwhile, ${who}`] = [found, nft('list chain inet weft-test input').includes('goto refuse')];
    // As many rules as are to be there.
    meanwhile = () => nft(`${others}; add rule inet weft-test input accept`);
    await tables.apply([content(few)], 'test');
    const inApplied = await inspect(tables);
    if (inApplied.length > 0) await tables.restore('test');
    report[`meanwhile applied, ${who}`] = [inApplied, nft('list chain inet weft-test input').includes('@node4')];
    meanwhile = () => nft('add chain ip stranger again; delete chain ip stranger again');
    await tables.restore('test');
    report[`meanwhile elsewhere, ${who}`] = await inspect(tables);
  }
  sockets.close();
}

/** What changes where nothing else does. */
function revision(parts: Partial<NftTableRevision>): NftTableRevision {
  return {
    counters: { added: [], gone: [] },
    sets: { added: {}, gone: [] },
    elements: new Map(),
    chains: { changed: {}, gone: [] },
    ...parts,
  };
}

/** How often somebody went through elements of {@link seenElements}. */
let readings = 0;

function seenElements(...elements: readonly string[]): readonly string[] {
  return Object.defineProperty([...elements], Symbol.iterator, {
    value: () => {
      readings++;
      return elements.values();
    },
  });
}

async function revisions(): Promise<void> {
  const tables = owner();
  const wanted = content(few);
  const from = { type: 'ifname', data: 'verdict', elements: new Set(['wf0 : jump refuse']) } as const;
  await tables.make([{ ...wanted, sets: { ...wanted.sets, from } }], 'test');
  report['revised nothing: programs'] = await programsOf(async () => tables.revise(TABLE, revision({}), 'test'));
  const elements = new Map([
    ['node4', { added: seenElements('198.18.0.9'), gone: seenElements('198.18.0.1') }],
    [
      'from',
      { added: seenElements('wf0 : goto refuse', 'wf1 : jump refuse'), gone: seenElements('wf0 : jump refuse') },
    ],
  ]);
  report['revised elements: programs'] = await programsOf(async () =>
    tables.revise(TABLE, revision({ elements }), 'test'),
  );
  report['revised elements: readings'] = readings;
  report['revised elements: inspected'] = await inspect(tables);
  const more = { more: { rules: ['ip saddr @hosts counter name told drop'] }, refuse: { rules: ['jump more'] } };
  const structure = revision({
    counters: { added: ['told'], gone: [] },
    sets: { added: { hosts: { type: 'ipv4_addr', elements: new Set(['10.0.0.1']) } }, gone: ['seen'] },
    elements: new Map([['from', { added: ['wf2 : jump more'], gone: ['wf1 : jump refuse'] }]]),
    chains: { changed: more, gone: [] },
  });
  const generation = readNftGeneration();
  await tables.revise(TABLE, structure, 'test');
  report['revised: transactions'] = readNftGeneration()! - generation!;
  report['revised: inspected'] = await inspect(tables);
  report['revised: listed'] = /wf2. : jump more/.test(nft('list table inet weft-test'));

  await tables.revise(TABLE, revision({ chains: { changed: { more: { rules: ['accept'] } }, gone: [] } }), 'test');
  nft('add table ip passer-by');
  report['revised, and something else changed by somebody'] = await inspect(tables);
  nft('add table ip passer-by-again');
  report['revised, and something else changed twice'] = await inspect(tables);

  await tables.revise(TABLE, revision({ chains: { changed: { more: { rules: ['drop'] } }, gone: [] } }), 'test');
  nft('flush chain inet weft-test input');
  report['revised, and flushed by somebody'] = await inspect(tables);
  await tables.restore('test');
  report['revised, and restored'] = await inspect(tables);
  nft('flush map inet weft-test from; flush chain inet weft-test refuse; delete chain inet weft-test more');
  await tables.revise(TABLE, revision({ chains: { changed: { more: { rules: ['accept'] } }, gone: [] } }), 'test');
  report['a revision that fails is made good'] = [
    await inspect(tables),
    nft('list chain inet weft-test more').includes('accept'),
  ];
  nft('delete table inet weft-test');
}

/** Rules that weft changed are listed when they rest: until then it is known of others' changes that there are some, and not which. */
async function listingsOfRevisions(): Promise<void> {
  let nowMs = 0;
  let others: ReadonlySet<string> | undefined = new Set();
  const tables = owner({ witness: { othersChanged: () => others }, nowMs: () => nowMs });
  await tables.make([content(few)], 'test');
  const revise = async (rule: string): Promise<void> =>
    tables.revise(TABLE, revision({ chains: { changed: { refuse: { rules: [rule] } }, gone: [] } }), 'test');
  const replaced = async (rule: string): Promise<readonly NftDifference[]> => {
    nft(`flush chain inet weft-test refuse; add rule inet weft-test refuse ${rule}`);
    return await inspect(tables);
  };

  await revise('accept');
  report['revised, not listed yet'] = await inspect(tables);
  others = new Set(['inet weft-test']);
  report['revised, not listed yet, and replaced by somebody'] = await replaced('drop');
  others = new Set();
  await tables.restore('test');

  await revise('drop');
  nowMs += 5_000;
  report['revised, and listed'] = await inspect(tables);
  others = undefined;
  report['revised, listed, and replaced by somebody'] = await replaced('accept');
  others = new Set();
  await tables.restore('test');

  // It never rests, and is listed all the same.
  for (let round = 0; round < 15; round++) {
    await revise(round % 2 === 0 ? 'drop' : 'accept');
    nowMs += 4_000;
    await inspect(tables);
  }
  others = undefined;
  report['revised all the time, listed, and replaced by somebody'] = await replaced('accept');
  nft('delete table inet weft-test');
}

async function noteThrow(action: () => Promise<unknown>): Promise<void> {
  try {
    await action();
    report['threw'] = false;
  } catch {
    report['threw'] = true;
  }
}

async function manyElements(): Promise<void> {
  const sockets = new KernelChangeSockets();
  const changes = new NftChanges(['inet weft-test']);
  const hear = (): void => {
    const { changes: heard, overran } = sockets.read();
    changes.hear(heard, !overran);
  };
  changes.hearBy(hear);
  let nowMs = 0;
  const tables = owner({ witness: changes, nowMs: () => nowMs });
  const many = Array.from({ length: 3_000 }, (_, index) => `10.1.${index >> 8}.${index & 255}`);
  // The first transaction that is heard may have begun before.
  nft('add table ip stranger');
  hear();
  await tables.make([content(many)], 'test');
  report['many'] = await inspect(tables);

  nft('add chain ip stranger some');
  report['many: programs where others changed what is theirs'] = await programsOf(async () => inspect(tables));
  nft('add chain ip stranger more');
  report['many: others changed what is theirs'] = await inspect(tables);

  nft('delete element inet weft-test node4 { 10.1.9.9 }');
  report['many: somebody deleted one'] = await inspect(tables);
  await tables.restore('test');
  report['many: restored'] = await inspect(tables);

  nft('add rule inet weft-test refuse accept');
  report['many: somebody added a rule'] = await inspect(tables);
  await tables.restore('test');

  await tables.change(
    new Map([['inet weft-test node4', new Set(['10.2.0.1'])]]),
    new Map([['inet weft-test node4', new Set(['10.1.0.0'])]]),
    'test',
  );
  report['many: programs where weft changed it'] = await programsOf(async () => inspect(tables));
  report['many: what weft changes is no difference'] = await inspect(tables);

  // Without a witness only samples can tell.
  const blind = owner({ nowMs: () => nowMs });
  await blind.make([content(many)], 'test');
  nft(
    'delete element inet weft-test node4 { 10.1.0.70 }; delete element inet weft-test bound { "wf0" . 10.0.0.0/24 . 02:00:00:00:00:01 }',
  );
  const found: unknown[] = [];
  for (let look = 0; look < 3; look++) found.push(await inspect(blind));
  report['many: samples'] = found;
  await blind.restore('test');
  report['many: samples of what is there'] = await inspect(blind);
  nowMs += LATER_MS;
  report['many: programs after ten minutes'] = (await programsOf(async () => inspect(blind))) > 0;
  nowMs += LATER_MS;
  report['many: after ten minutes'] = await inspect(blind);
  sockets.close();
}

/** A map from service addresses to backends, and the rule that asks it. */
function backendsContent(...elements: readonly string[]): NftTableContent {
  return {
    table: TABLE,
    counters: [],
    sets: {
      backends: {
        type: 'ipv4_addr . inet_proto . inet_service',
        data: 'ipv4_addr . inet_service',
        elements: new Set(elements),
      },
    },
    chains: { pick: { rules: ['dnat ip to ip daddr . meta l4proto . th dport map @backends'] } },
  };
}

/** Which backend an address stands for. */
async function mapsOfAddresses(): Promise<void> {
  const web = '10.96.0.1 . 6 . 80';
  const name = 'inet weft-test backends';
  let nowMs = 0;
  const tables = owner({ nowMs: () => nowMs });
  await tables.make([backendsContent(`${web} : 10.244.1.2 . 8080`)], 'test');
  report['map: made'] = await inspect(tables);
  report['map: programs of a change'] = await programsOf(async () =>
    tables.change(
      new Map([[name, new Set([`${web} : 10.244.1.3 . 8080`])]]),
      new Map([[name, new Set([`${web} : 10.244.1.2 . 8080`])]]),
      'test',
    ),
  );
  nowMs += LATER_MS;
  report['map: changed'] = await inspect(tables);
  await tables.apply([backendsContent(`${web} : 10.244.1.4 . 8080`)], 'test');
  nowMs += LATER_MS;
  report['map: applied'] = await inspect(tables);
  nft(`delete element ${name} { ${web} }; add element ${name} { ${web} : 192.0.2.1 . 8080 }`);
  nowMs += LATER_MS;
  report['map: somebody changed it'] = (await inspect(tables)).length > 0;
  await tables.restore('test');
  report['map: restored'] = nft(`list map ${name}`).includes('10.244.1.4 . 8080');
}

await countsAndLayout();
await declarations();
await meanwhileChanged();
await manyElements();
await revisions();
await listingsOfRevisions();
await mapsOfAddresses();
process.stdout.write(JSON.stringify(report));
