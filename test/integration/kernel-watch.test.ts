/** What somebody takes away of weft's in the kernel is back at once, on a lab of two nodes. */
import test from 'ava';
import { TestLab } from '../support/test-lab.ts';
import { until } from '../support/until.ts';

/** Less than a minute: the audit would do it as well. */
const DEADLINE_MS = 15_000;

let lab: TestLab;

test.before(async () => {
  lab = await TestLab.up('--nodes', '2', '--pods', '1');
});

test.after.always(async () => lab?.down());

/** Subjects of the events of a kind, on n1. */
async function told(wanted: string): Promise<string[]> {
  const events = await lab.control('n1').events();
  return events.filter(({ kind }) => kind === wanted).map(({ subject }) => subject);
}

const repaired = async (): Promise<string[]> => told('audit-repaired');

const damages: Readonly<Record<string, { damage: string; subject: string; check: string }>> = {
  'the route of the cluster': {
    damage: 'ip route delete 10.244.0.0/16 dev weft0',
    subject: '10.244.0.0/16',
    check: 'ip route show 10.244.0.0/16 dev weft0 | grep -q .',
  },
  'an address of the node': {
    damage: 'ip address delete 10.244.1.1/32 dev weft0',
    subject: '10.244.1.1/32',
    check: 'ip address show to 10.244.1.1 | grep -q weft0',
  },
  'the TUN device, by setting it down': {
    damage: 'ip link set weft0 down',
    subject: 'weft0',
    check: 'ip link show weft0 | grep -q ,UP',
  },
  'the route to a pod': {
    damage: 'ip route delete 10.244.1.2',
    subject: '10.244.1.2',
    check: 'ip route show 10.244.1.2 | grep -q wf',
  },
  'all rules of nftables': {
    damage: 'nft flush ruleset',
    subject: 'inet weft',
    check: 'nft list table inet weft | grep -q masquerade && nft list table inet weft-pods > /dev/null',
  },
};

for (const [what, { damage, subject, check }] of Object.entries(damages)) {
  test.serial(`somebody takes away ${what}, and it is back before the next audit`, async (t) => {
    const before = (await repaired()).filter((one) => one === subject).length;
    await lab.exec('n1', 'sh', '-c', damage);
    await until('it is back', async () => (await lab.tryExec('n1', 'sh', '-c', check)).exitCode === 0, DEADLINE_MS);
    await until(
      'an event tells it',
      async () => (await repaired()).filter((one) => one === subject).length > before,
      DEADLINE_MS,
    );
    await until('pods reach each other', async () => lab.isConnected(), DEADLINE_MS);
    t.pass();
  });
}

test.serial('who takes the same away without end is named by an event, and weft does not run after it', async (t) => {
  const thief = lab.background(
    'n1',
    'sh',
    '-c',
    'while ip route show proto 87 > /dev/null; do ip route delete 10.244.0.0/16 dev weft0 2> /dev/null; sleep 0.05; done',
  );
  await until(
    'it is said that somebody does',
    async () => (await told('audit-contested')).includes('10.244.0.0/16'),
    DEADLINE_MS * 4,
  );
  await thief.end();
  t.true((await repaired()).length < 60);
  await until('the route is back for good', async () => lab.isConnected(), DEADLINE_MS * 4);
});
