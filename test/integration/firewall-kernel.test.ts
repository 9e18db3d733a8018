/** Random rulesets in a router of its own: what the judge says of a packet is what the kernel does, by the rule that the kernel names. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import test from 'ava';
import { readRuleset } from '../../src/linux/ruleset.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';
import {
  FirewallRouter,
  IN_DEVICE,
  judged,
  OUT_DEVICE,
  type RouterPacket,
  SENDER_MAC,
} from '../support/firewall-router.ts';
import { RandomRules } from '../support/random-rules.ts';

const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
const rounds = Number(process.env['ROUNDS'] ?? 60);
const PORTS = [22, 80, 443, 3_500, 4_789];

/** At most so many of the verdicts may be unknown: a judge that never knows anything would agree with every kernel. */
const MAX_UNKNOWN_RATIO = 0.4;

const rulesetsProgram = fileURLToPath(new URL('../support/read-rulesets.ts', import.meta.url));

let router: FirewallRouter;

test.before(async () => {
  router = await FirewallRouter.up(`weftfw${process.pid}`);
});

test.after.always(async () => router?.down());

test.serial(`of random rules, the kernel does what is foretold (SEED=${seed})`, async (t) => {
  const random = new SeededRandom(seed);
  const rules = new RandomRules(random, {
    devices: [IN_DEVICE, OUT_DEVICE],
    ports: PORTS,
    addresses4: ['10.244.1.2', '10.244.2.2', '10.244.1.1', '10.0.0.1'],
    prefixes4: ['10.244.0.0/16', '10.244.1.0/24', '192.168.0.0/16'],
    addresses6: ['fd00:1::2', 'fd00:2::2', 'fd00:1::1', '2001:db8::1'],
    prefixes6: ['fd00::/16', 'fd00:1::/64', '2001:db8::/32'],
    mac: SENDER_MAC,
  });
  const counts = { accept: 0, drop: 0, unknown: 0 };
  for (let round = 0; round < rounds; round++) {
    const text = rules.ruleset();
    await router.load(text);
    const ruleset = await readRuleset(router.netns);
    for (const one of packetsOf(random)) {
      const { kernel, packet } = await router.send(one);
      const verdicts = judged(ruleset, one.passage, packet);
      counts[verdicts === 'unknown' ? verdicts : verdicts[0]!.verdict]++;
      if (verdicts === 'unknown' || verdicts.some((verdict) => isDeepStrictEqual(verdict, kernel))) continue;
      t.deepEqual(verdicts[0], kernel, `round ${round}: ${JSON.stringify(one)}\n${text}`);
    }
  }
  t.log(counts);
  t.true(counts.unknown < MAX_UNKNOWN_RATIO * (counts.accept + counts.drop + counts.unknown));
  t.true(counts.drop > 0 && counts.accept > 0);
});

function packetsOf(random: SeededRandom): RouterPacket[] {
  return (['forwarded', 'forwarded', 'incoming', 'outgoing'] as const).flatMap((passage) =>
    ([4, 6] as const).map((family) => ({
      passage,
      family,
      protocol: (['icmp', 'tcp', 'udp'] as const)[random.below(3)]!,
      destinationPort: PORTS[random.below(PORTS.length)]!,
    })),
  );
}

/** A table as large as that of a thousand policies, and some of others of each family. */
const TABLES = `
  table inet weft-policy { chain forward { type filter hook forward priority 10; ip saddr 10.9.9.9 drop; }; }
  table inet weft { set own { type ipv4_addr; elements = { 10.1.1.1, 10.1.1.2 }; }; chain own { type filter hook input priority 0; ip saddr @own tcp dport 22 accept; }; }
  table ip foreign { map to { type inet_service : verdict; elements = { 80 : drop }; }; chain on { type filter hook forward priority 0; policy drop; tcp dport vmap @to; }; }
  table ip6 foreign { chain on { type filter hook forward priority 5; udp dport 4789 counter drop; }; }
  table arp foreign { chain on { type filter hook input priority 0; }; }
  table bridge foreign { chain on { type filter hook forward priority 0; }; }
  table netdev foreign { }
`;

test.serial('a table that is left out hides nothing of others, and is there where it cannot be', async (t) => {
  const { status, stdout, stderr } = spawnSync(
    'unshare',
    ['--net', process.execPath, rulesetsProgram, 'weft-policy', 'no-such-table'],
    { input: TABLES, encoding: 'utf8' },
  );
  t.is(status, 0, stderr);
  const [all, without, unknown] = JSON.parse(stdout) as string[][];
  t.is(all!.length, 10);
  t.deepEqual(
    without,
    all!.filter((line) => !line.includes('weft-policy')),
  );
  t.is(without!.length, 8);
  t.deepEqual(unknown, all);
});
