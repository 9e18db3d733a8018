/** What the kernel says of changes that this test makes in a namespace of its own: nothing is assumed of its format. */
import { execFileSync } from 'node:child_process';
import test from 'ava';
import { type KernelChange, parseKernelChanges } from '../../src/linux/kernel-change.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';
import { formatIpAddress } from '../../src/wire/address.ts';
import { formatPrefix } from '../../src/wire/prefix.ts';

/** Hears in a process of its own, which alone may be in another namespace; prints what it heard as JSON lines. */
const script = `
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { processAtRoutePort } from '${new URL('../../src/linux/route-port.ts', import.meta.url).href}';
import { rememberOwnPort } from '${new URL('../../src/linux/own-ports.ts', import.meta.url).href}';
import { KernelChangeSockets } from '${new URL('../../src/linux/kernel-change-sockets.ts', import.meta.url).href}';
const sockets = new KernelChangeSockets();
const run = (line) => execFileSync('sh', ['-c', line]);
run('ip link add weft9 type veth peer name other && ip link set weft9 alias weft mtu 1400 up');
run('ip address add 10.9.0.1/32 dev weft9 && ip address add fd09::1/128 dev weft9 nodad');
run('ip route add 10.9.0.0/16 dev weft9 proto 87 metric 87 && ip route add fd09::/48 dev weft9 proto 87');
run('ip route replace 10.9.0.0/16 dev weft9 proto 87 metric 87 src 10.9.0.1');
run('nft add table inet weft && nft add set inet weft s "{ type ipv4_addr; }" && nft add element inet weft s "{ 1.2.3.4 }"');
run('nft delete table inet weft');
run('ip route delete 10.9.0.0/16 metric 87 && ip address delete fd09::1/128 dev weft9');
run('ip link set weft9 down && ip link set weft9 name weft8 && ip link delete weft8');
// What weft itself does: the port of a program is its process id.
const own = spawn('nft', ['-f', '-'], { stdio: ['pipe', 'inherit', 'inherit'] });
rememberOwnPort(own.pid);
own.stdin.end('add table inet weft-own\\n');
await once(own, 'close');
// One that is still there when it is sought.
const lasting = spawn('ip', ['-force', '-batch', '-'], { stdio: ['pipe', 'ignore', 'ignore'] });
lasting.stdin.write('link set lo up\\nroute add 10.8.0.0/16 dev lo\\n');
const heard = { changes: [], overran: false };
const hear = () => {
  const { changes, overran } = sockets.read();
  heard.changes.push(...changes);
  heard.overran ||= overran;
};
const deadline = performance.now() + 20_000;
for (;;) {
  hear();
  if (performance.now() > deadline) throw new Error('the kernel did not tell of the route');
  if (heard.changes.some(({ destination }) => destination?.address.bytes[1] === 8)) break;
  await new Promise((resolve) => setTimeout(resolve, 20));
}
const owner = processAtRoutePort(lasting.pid);
lasting.stdin.end();
await once(lasting, 'close');
process.stdout.write(JSON.stringify({ ...heard, own: own.pid, lasting: lasting.pid, owner, ended: processAtRoutePort(lasting.pid) ?? null }, (key, value) => (value instanceof Uint8Array ? [...value] : value)));
sockets.close();
`;

interface Heard {
  readonly changes: readonly KernelChange[];
  readonly overran: boolean;
  /** Process id of an `nft` that is weft's own. */
  readonly own: number;
  /** Process id of an `ip` that goes on. */
  readonly lasting: number;
  /** Whose its port is while it does, and then. */
  readonly owner: object | undefined;
  readonly ended: object | null;
}

function hear(): Heard {
  const argv = ['--net', '--', process.execPath, '--input-type=module', '--eval', script];
  const text = execFileSync('unshare', argv, { encoding: 'utf8' });
  return JSON.parse(text, (key, value: unknown) =>
    key === 'bytes' ? Uint8Array.from(value as number[]) : value,
  ) as Heard;
}

const isRoot = process.getuid?.() === 0;
(isRoot ? test : test.skip)('changes are heard as they were made', (t) => {
  const { changes, overran } = hear();
  t.false(overran);
  const texts = new Set(changes.map(describe));
  for (const text of [
    'link weft9 weft 1400 up',
    'address 10.9.0.1',
    'address fd09::1',
    'route 10.9.0.0/16 87 254',
    'route fd09::/48 87 254',
    'route 10.9.0.0/16 87 254 replaced',
    'table inet weft',
    'element inet weft',
    'route 10.9.0.0/16 87 254 gone',
    'address fd09::1 gone',
    'link weft9 weft 1400 down',
    'link weft8 weft 1400 down',
    'link weft8 weft 1400 down gone',
  ]) {
    t.true(texts.has(text), `${text} among ${[...texts].join('; ')}`);
  }
});

(isRoot ? test : test.skip)('who asked for a change is told with it', (t) => {
  const { changes, lasting, owner, ended } = hear();
  const [transaction] = changes.filter(({ kind }) => kind === 'transaction');
  t.like(transaction, { name: 'nft' });
  t.true(changes.some(({ kind, port }) => kind === 'table' && port === transaction!.port));
  const route = changes.findLast(({ kind }) => kind === 'route');
  t.like(route, { port: lasting });
  t.deepEqual(owner, { pid: lasting, name: 'ip' });
  t.is(ended, null);
});

function describe(change: KernelChange): string {
  if (change.kind === 'transaction') return `transaction of ${change.name}`;
  if (change.kind === 'table') return `${change.isElementAdded ? 'element' : 'table'} ${change.table}`;
  const gone = change.isGone ? ' gone' : '';
  if (change.kind === 'address') return `address ${formatIpAddress(change.address)}${gone}`;
  if (change.kind === 'link')
    return `link ${change.name} ${change.alias} ${change.mtuBytes} ${change.isUp ? 'up' : 'down'}${gone}`;
  const { destination, protocol, table, isReplacement } = change;
  return `route ${formatPrefix(destination)} ${protocol} ${table}${isReplacement ? ' replaced' : ''}${gone}`;
}

(isRoot ? test : test.skip)('of what weft changes in nftables only the end of the transaction is told', (t) => {
  const { changes, own } = hear();
  t.deepEqual(
    changes.filter(({ port }) => port === own).map(({ kind }) => kind),
    ['transaction'],
  );
});

test('garbage is no change, and throws nothing', (t) => {
  const random = new SeededRandom(1);
  for (let run = 0; run < 20_000; run++) {
    const bytes = random.bytes(random.below(200));
    // A header that is plausible, so that what is behind it is read.
    if (bytes.length >= 16) new DataView(bytes.buffer).setUint32(0, random.below(bytes.length + 20), true);
    if (bytes.length >= 16) new DataView(bytes.buffer).setUint16(4, 16 + random.below(10), true);
    t.true(parseKernelChanges(bytes, bytes.length).length <= 12);
  }
});
