/** docs/linux-vxlan-peer.md, by its own commands: a machine with weft, and one without, both made for it. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import type { Diagnosis } from '../../src/doctor/finding.ts';
import type { Peer, Status } from '../../src/api/control-api.ts';
import { Machine } from '../support/machine.ts';
import { until } from '../support/until.ts';

const STREAM_BYTES = 20 * 1024 * 1024;
const POD = '10.244.1.2';
const POD6 = 'fd00:10:244:1::2';

/** The MAC address in the document follows from it. */
const IDENTITY = '5eed5eed5eed5eed5eed5eed5eed5eed';

/** What the document begins with: a node with weft, and firewalls as many machines have. */
const RULES = `flush ruleset
table inet filter {
  chain input {
    type filter hook input priority 0; policy drop;
    ct state established,related accept
    iifname { lo, weft0 } accept
    iifname "wf*" accept
    meta l4proto { icmp, ipv6-icmp } accept
    meta l4proto { tcp, udp } th dport 7948 accept
  }
}`;

interface Block {
  readonly heading: string;
  readonly place: 'both machines' | 'the node' | 'the host';
  readonly script: string;
}

const text = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'linux-vxlan-peer.md'), 'utf8');
const blocks = text.split(/^## /m).flatMap((section) =>
  [...section.matchAll(/^```sh\n# on (both machines|the node|the host)\n(.*?)^```/gms)].map(
    ([, place, script]): Block => {
      return { heading: section.split('\n')[0]!, place: place as Block['place'], script: script! };
    },
  ),
);
const [values, ...steps] = blocks;
const variables = new Map([...values!.script.matchAll(/^(\w+)=(\S+)/gm)].map(([, name, value]) => [name!, value!]));

const directory = mkdtempSync(join(tmpdir(), 'weft-linux-vxlan-peer-'));
let node: Machine;
let host: Machine;
/** What the doctor finds before and after: nobody but the host is let in. */
const FOUND_AT_FIRST = ['firewall-closed'];

test.before(async () => {
  node = await Machine.start(join(directory, 'node'));
  host = await Machine.start(join(directory, 'host'));
  await Machine.connect(node, host);
  await attach(node, 'NODE');
  await attach(host, 'HOST');
  const state = join(node.directory, 'state');
  mkdirSync(state, { mode: 0o700 });
  writeFileSync(join(state, 'identity.json'), JSON.stringify({ identity: IDENTITY, incarnation: 1 }));
  const configuration = [
    'nodeName: n1',
    'underlay: {interface: eth0}',
    "clusterPrefixes: [10.244.0.0/16, 'fd00:10:244::/48']",
    `nodePrefixes: [${valueOf('NODE_PREFIX4')}, '${valueOf('NODE_PREFIX6')}']`,
    'gossip: {keyFile: /etc/weft/gossip.key}',
    `stateDir: ${state}`,
  ];
  await node.exec(`printf '%s\n' "$@" > /etc/weft/weft.yaml`.replace('"$@"', configuration.map(quoted).join(' ')));
  await node.exec('weft key generate /etc/weft/gossip.key && systemctl restart weft');
  await untilUp();
});

test.after.always(async () => {
  await Promise.all([node?.stop(), host?.stop()]);
  rmSync(directory, { recursive: true });
});

/** Gives a machine its underlay address, and a firewall. */
async function attach(machine: Machine, which: 'NODE' | 'HOST'): Promise<void> {
  await machine.exec(`ip address add ${valueOf(`${which}_UNDERLAY`)}/24 dev eth0\nip link set eth0 up`);
  await machine.exec(`nft -f - <<'RULES'\n${RULES}\nRULES`);
}

async function untilUp(): Promise<void> {
  await until('the daemon answers', async () => (await node.tryExec('weft status')).exitCode === 0).catch((error) => {
    throw new Error(node.log(), { cause: error });
  });
}

function valueOf(name: string): string {
  return variables.get(name)!;
}

function quoted(line: string): string {
  return `'${line.replaceAll("'", `'\\''`)}'`;
}

/** Runs the blocks of the document's section. @returns what they printed */
async function follow(heading: string): Promise<string> {
  let output = '';
  for (const { place, script } of steps.filter((block) => block.heading === heading)) {
    output += await (place === 'the node' ? node : host).exec(`${values!.script}\n${script}`);
    if (script.includes('systemctl restart weft')) await untilUp();
  }
  return output;
}

async function diagnosis(): Promise<Diagnosis> {
  const { stdout } = await node.tryExec('weft doctor --json');
  return (JSON.parse(stdout) as { nodes: [Diagnosis] }).nodes[0];
}

/** Waits until the doctor finds this, and nothing else. */
async function untilFound(...ids: readonly string[]): Promise<void> {
  let found: readonly string[] = [];
  const isFound = async (): Promise<boolean> => {
    found = (await diagnosis()).findings.map(({ id }) => id);
    return found.join() === ids.join();
  };
  await until(`the doctor finds ${ids.join(', ') || 'nothing'}`, isFound).catch((error: unknown) => {
    throw new Error(`it found ${found.join(', ')}`, { cause: error });
  });
}

test.serial('the document says everything of the node as weft has it', async (t) => {
  const { tun, underlay, nodeAddresses, vxlan } = JSON.parse(await node.exec('weft status --json')) as Status;
  t.is(tun.mac, valueOf('NODE_MAC'));
  t.is(`${tun.mtuBytes}`, valueOf('MTU'));
  t.is(underlay.address, valueOf('NODE_UNDERLAY'));
  t.deepEqual(nodeAddresses, [valueOf('NODE_IPV4'), valueOf('NODE_IPV6')]);
  t.deepEqual(vxlan, { port: Number(valueOf('PORT')), vni: Number(valueOf('VNI')) });
  t.is(values!.place, 'both machines');
  await untilFound(...FOUND_AT_FIRST);
});

test.serial('every block of commands belongs to a machine, and is run by this test', (t) => {
  t.is([...text.matchAll(/^```(?:sh|console|bash)/gm)].length, blocks.length);
  const followed = [
    'The node',
    'The host',
    'Firewalls',
    'Does it work?',
    'A network behind the host',
    'Taking it down',
  ];
  t.deepEqual([...new Set(steps.map(({ heading }) => heading))], followed);
});

test.serial('without the rules for the firewalls nothing passes', async (t) => {
  await follow('The node');
  await follow('The host');
  t.not((await host.tryExec(`ping -c 1 -W 1 ${valueOf('NODE_IPV4')}`)).exitCode, 0);
});

test.serial('with them everything does that the document tries, and weft shows what it says', async (t) => {
  await follow('Firewalls');
  const output = await follow('Does it work?');
  t.is([...output.matchAll(/ 0% packet loss/g)].length, 6);
  const [, example] = /```text\n(NAME.*?)```/s.exec(text)!;
  const row = example!.split('\n')[1]!;
  t.true(output.includes(`${row}\n`), output);
  const peers = JSON.parse(await node.exec('weft peers --json')) as Peer[];
  t.like(peers, [{ name: 'legacy', kind: 'static', state: 'static', mtuBytes: Number(valueOf('MTU')) }]);
});

const ping = test.macro<['pod' | 'host', string]>({
  exec: async (t, from, address) => {
    const command = `ping -nqc 1 -w 10 ${address}`;
    const output = from === 'host' ? await host.exec(command) : await node.exec(`ip netns exec web ${command}`);
    t.regex(output, /[1-9] received/);
  },
  title: (_, from, address) => `the ${from} reaches ${address}`,
});

test.serial(ping, 'host', POD);
test.serial(ping, 'host', POD6);
test.serial(ping, 'pod', valueOf('HOST_IPV4'));
test.serial(ping, 'pod', valueOf('HOST_IPV6'));

let nextPort = 9_000;

const stream = test.macro<['pod' | 'host', string]>({
  exec: async (t, from, address) => {
    const port = nextPort++;
    const [inPod, onHost] = [`ip netns exec web`, ''];
    const [sender, receiver] = from === 'host' ? [host, node] : [node, host];
    const [sendIn, receiveIn] = from === 'host' ? [onHost, inPod] : [inPod, onHost];
    const received = receiver.background(`${receiveIn} socat -u TCP6-LISTEN:${port} STDOUT | sha256sum`);
    await until('it listens', async () => (await receiver.exec(`${receiveIn} ss -Hltn 'sport = :${port}'`)) !== '');
    const to = address.includes(':') ? `[${address}]` : address;
    const sent = await sender.exec(
      `head -c ${STREAM_BYTES} /dev/urandom | tee >(sha256sum >&2) | ${sendIn} socat -u STDIN TCP:${to}:${port} 2>&1; wait`.replace(
        '>&2',
        `> ${directory}/sent-${port}`,
      ),
    );
    t.is(sent, '');
    const { stdout } = await received.ends();
    const checksum = (): string => readFileSync(join(directory, `sent-${port}`), 'utf8');
    // Nobody waits for the program that writes it.
    await until('the checksum of what was sent is written', () => checksum().endsWith('\n'));
    t.is(stdout, checksum());
  },
  title: (_, from, address) => `${STREAM_BYTES / 1024 / 1024} MB through TCP from the ${from} to ${address}`,
});

test.serial(stream, 'host', POD);
test.serial(stream, 'host', POD6);
test.serial(stream, 'pod', valueOf('HOST_IPV4'));
test.serial(stream, 'pod', valueOf('HOST_IPV6'));

test.serial('the doctor finds nothing', async (t) => {
  await untilFound();
  const { residual } = JSON.parse(await node.exec('weft status --json')) as Status;
  t.is(residual, 0);
});

test.serial('what lies behind the host is reached through it', async (t) => {
  await follow('A network behind the host');
  await host.exec(`
    ip netns add box
    ip link add lan mtu 1450 type veth peer name eth0 mtu 1450 netns box
    ip link set lan up
    ip route add 10.244.99.2 dev lan
    ip -6 route add fd00:10:244:99::2 dev lan
    ip address add fd00:10:244:99::fffe/128 dev lan nodad
    ip -n box link set eth0 up
    ip -n box address add 10.244.99.2/32 dev eth0
    ip -n box address add fd00:10:244:99::2/128 dev eth0 nodad
    ip -n box route add default via ${valueOf('HOST_IPV4')} dev eth0 onlink
    ip -n box route add default via fd00:10:244:99::fffe dev eth0 onlink`);
  for (const address of ['10.244.99.2', 'fd00:10:244:99::2'])
    t.regex(await node.exec(`ip netns exec web ping -nqc 1 -w 10 ${address}`), /[1-9] received/);
  for (const address of [POD, POD6])
    t.regex(await host.exec(`ip netns exec box ping -nqc 1 -w 10 ${address}`), /[1-9] received/);
});

test.serial('nothing is left of it when it was taken down', async (t) => {
  await follow('Taking it down');
  await until('the host is no peer', async () => (await node.exec('weft peers --json')).trim() === '[]');
  for (const machine of [node, host]) t.notRegex(await machine.exec('nft list table inet filter'), /overlay|4789/);
  t.notRegex(await host.exec('ip link; ip route; ip -6 route'), /vxlan42/);
  t.notRegex(await node.exec('cat /etc/weft/weft.yaml'), /legacy|static/);
  await untilFound(...FOUND_AT_FIRST);
});
