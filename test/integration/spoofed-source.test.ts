/** A hostile pod sends frames under addresses that are not its own: raw, past its own kernel. */
import { fileURLToPath } from 'node:url';
import anyTest from 'ava';
import type { Pod } from '../../src/api/control-api.ts';
import { macOfPod } from '../../src/daemon/host/pod-devices.ts';
import type { DoctorReport } from '../../src/doctor/finding.ts';
import { runCommand } from '../../src/linux/command.ts';
import { parseIpAddress } from '../../src/wire/address.ts';
import { ipPacket } from '../support/ip-packet.ts';
import type { Program } from '../support/program.ts';
import { TestLab } from '../support/test-lab.ts';
import { until } from '../support/until.ts';

const test = anyTest.serial;

const probe = fileURLToPath(new URL('../support/frame-probe.ts', import.meta.url));

const PORT = 9_999;

interface Frames {
  readonly gateway: string;
  readonly mac: string;
}

/** A datagram in a frame, in hexadecimal. */
function datagram(
  { gateway, mac }: Frames,
  source: string,
  destination: string,
  text: string,
  { tag = '', fragment = 0x4000 } = {},
): string {
  const [from, to] = [source, destination].map((address) => [...parseIpAddress(address)!.bytes]);
  const payload = [...new TextEncoder().encode(text)];
  const transport = [...u16(40_000), ...u16(PORT), ...u16(8 + payload.length), 0, 0, ...payload];
  const packet = ipPacket({ source: from!, destination: to!, protocol: 17, transport, fragment });
  const type = source.includes(':') ? '86dd' : '0800';
  return `${hexOf(gateway)}${hexOf(mac)}${tag}${type}${Buffer.from(packet).toString('hex')}`;
}

/** A question for `target`, by the sender that it claims. */
function arp({ gateway, mac }: Frames, senderMac: string, sender: string, target: string): string {
  const message = `0001080006040001${hexOf(senderMac)}${bytes(sender)}000000000000${bytes(target)}`;
  return `${hexOf(gateway)}${hexOf(mac)}0806${message}`;
}

function u16(value: number): number[] {
  return [value >> 8, value & 0xff];
}

function bytes(address: string): string {
  return Buffer.from(parseIpAddress(address)!.bytes).toString('hex');
}

function hexOf(mac: string): string {
  return mac.replaceAll(':', '');
}

test('what a pod sends under addresses of others goes nowhere, with and without a daemon', async (t) => {
  const lab = await TestLab.up('--nodes', '2', '--pods', '2');
  t.teardown(() => lab.down());
  const pods = await lab.control('n1').pods();
  const [web, db] = pods as [Pod, Pod];
  const far = await lab.control('n2').pods();
  const frames = { gateway: macOfPod(web.network, web.name, 'node'), mac: web.mac };
  const listen = (place: string): Promise<Program> =>
    lab.serve(place, PORT, process.execPath, probe, 'listen', `${PORT}`);
  const listeners = {
    near: await listen('n1-p2'),
    far: await listen('n2-p1'),
    world: await listen('world'),
  };
  const send = (...all: string[]): Promise<string> =>
    lab.exec('n1-p1', process.execPath, probe, 'send', 'eth0', ...all);
  const refused = async (): Promise<number> => {
    const { kernel } = await lab.control('n1').drops();
    return kernel.find(({ pod }) => pod === web.name)?.packets ?? 0;
  };
  /** A look is as old as half a second, and counts never fall. */
  const counts = async (packets: number): Promise<number> => {
    await until(`${packets} packets are counted`, async () => (await refused()) >= packets);
    return await refused();
  };
  t.is(await refused(), 0, 'an ordinary pod has sent nothing that is refused');

  const [own4, own6] = web.addresses as [string, string];
  const [near4, near6] = db.addresses as [string, string];
  const [far4, far6] = far[0]!.addresses as [string, string];
  const linkLocal = 'fe80::1234';
  const forged = [
    ...[near4, far4, '10.244.1.1', '169.254.1.1', '0.0.0.0', '127.0.0.1', '224.0.0.1', '192.0.2.1', '198.18.0.2'].map(
      (source) => datagram(frames, source, near4, 'forged'),
    ),
    ...[near6, far6, 'fd00:10:244:1::1', 'fe80::1', linkLocal, '::', `::ffff:${own4}`, '2001:db8::1'].map((source) =>
      datagram(frames, source, near6, 'forged'),
    ),
    // Own address from another MAC address, and under a priority tag, which the kernel takes off.
    datagram({ ...frames, mac: '02:00:00:00:00:99' }, own4, near4, 'forged'),
    datagram({ ...frames, mac: '02:00:00:00:00:99' }, own6, near6, 'forged'),
    datagram(frames, near4, near4, 'forged', { tag: '81000000' }),
    // To another node, with an address of this one's other pod, and of one of the other node; and to the world.
    ...[near4, far4, '198.18.0.2'].flatMap((source) =>
      [far4, '198.18.0.100'].map((to) => datagram(frames, source, to, 'forged')),
    ),
    datagram(frames, near6, far6, 'forged'),
    // A fragment of a datagram of the other pod.
    datagram(frames, near4, far4, 'forged', { fragment: 0x2002 }),
    arp(frames, frames.mac, near4, '169.254.1.1'),
    arp(frames, '02:00:00:00:00:99', own4, '169.254.1.1'),
    arp({ ...frames, mac: '02:00:00:00:00:99' }, web.mac, own4, '169.254.1.1'),
  ];
  const honest = (text: string): string[] => [
    datagram(frames, own4, near4, text),
    datagram(frames, own6, near6, text),
    datagram(frames, own4, far4, text),
    datagram(frames, own6, far6, text),
    arp(frames, frames.mac, own4, '169.254.1.1'),
    arp(frames, frames.mac, '0.0.0.0', '169.254.1.1'),
  ];
  const arrives = async (text: string): Promise<void> => {
    await until(`${text} arrives`, async () =>
      [listeners.near, listeners.far].every(
        ({ stdout }) => stdout.split('\n').filter((line) => line.endsWith(text)).length === 2,
      ),
    );
  };

  await send(...forged, ...honest('first'));
  await arrives('first');
  t.is(await counts(forged.length), forged.length);
  await until('the status counts them', async () => {
    const { kernel } = await lab.control('n1').status();
    return kernel.refused['pod-spoofed-source'] === forged.length;
  });
  const metric = new RegExp(
    `weft_kernel_refused_packets_total\\{reason="pod-spoofed-source"\\} ${forged.length}$`,
    'm',
  );
  await until('metrics count them', async () => metric.test(await lab.control('n1').metrics()));
  await until('the doctor counts them', async () => {
    const { nodes } = JSON.parse((await lab.tryAsk('n1', 'doctor', '--json')).stdout) as DoctorReport;
    const finding = nodes[0]?.findings.find(({ id }) => id === 'pod-spoofs-source');
    return finding?.evidence[0]?.startsWith(`${forged.length} packets in the last `) === true;
  });
  await until('an event names the pod, and whose address it took', async () => {
    const [event] = await lab.control('n1').events({ kind: 'pod-spoofed-source' });
    return event?.subject === web.name && event.message.includes(`of pod ${db.name}`);
  });
  t.notRegex(
    await lab.exec('n1', 'ip', 'neigh', 'show', 'dev', web.hostDevice),
    new RegExp(`^${near4} |${linkLocal}`, 'm'),
  );

  // Killed, its device of the overlay goes, and pods of one node still talk.
  const { pid } = await lab.control('n1').status();
  process.kill(pid, 'SIGKILL');
  await until('the daemon is gone', async () => !(await lab.control('n1').isAnswering()));
  const nearTexts = (text: string): string[] => listeners.near.stdout.split('\n').filter((line) => line.endsWith(text));
  await send(...forged, ...honest('second').slice(0, 2));
  await until('the pod beside it is reached', async () => nearTexts('second').length === 2);
  await lab.lab('start', 'n1');
  await lab.answers('n1');
  t.is(await counts(2 * forged.length), 2 * forged.length, 'what came while there was no daemon is counted');
  await send(...forged, ...honest('third'));
  t.is(await counts(3 * forged.length), 3 * forged.length);
  t.notRegex([listeners.near, listeners.far, listeners.world].map(({ stdout }) => stdout).join('\n'), /forged/);
});

test('pods that are added at once are bound before their first packet', async (t) => {
  const lab = await TestLab.up('--nodes', '1', '--pods', '1');
  t.teardown(() => lab.down());
  const [victim] = (await lab.control('n1').pods()) as [Pod];
  const listener = await lab.serve('n1-p1', PORT, process.execPath, probe, 'listen', `${PORT}`);
  const names = ['a', 'b', 'c'];
  for (const name of names) {
    const netns = `${lab.name}-${name}`;
    await runCommand(['ip', 'netns', 'add', netns], { purpose: 'make a namespace for a test' });
    t.teardown(() => runCommand(['ip', 'netns', 'delete', netns], { purpose: 'clean up' }));
  }
  const floods = names.map((name) => {
    const frames = { gateway: macOfPod(victim.network, name, 'node'), mac: macOfPod(victim.network, name, 'pod') };
    return lab.background(
      name,
      process.execPath,
      probe,
      'flood',
      'eth0',
      datagram(frames, '192.0.2.1', victim.addresses[0]!, 'forged'),
    );
  });
  await until('all of them wait', async () => floods.every(({ stdout }) => stdout.includes('waiting')));
  await Promise.all(names.map((name) => lab.control('n1').addPod(name, { netns: `${lab.name}-${name}` })));
  await until('something of each of them was refused', async () => {
    const { kernel } = await lab.control('n1').drops();
    return names.every((name) => kernel.some(({ pod, packets }) => pod === name && packets > 0));
  });
  for (const flood of floods) await flood.end('SIGKILL');
  t.is(listener.stdout, '');

  // Removed and added again, a pod is not what it was before.
  await lab.control('n1').removePod('a');
  await lab.control('n1').addPod('a', { netns: `${lab.name}-a` });
  await until('nothing is said of it', async () =>
    (await lab.control('n1').drops()).kernel.every(({ pod }) => pod !== 'a'),
  );
});
