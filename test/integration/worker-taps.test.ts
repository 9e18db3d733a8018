import test from 'ava';
import type { DirectionStatus, NodeReport, WorkerStatus } from '../support/dataplane-pair.ts';
import { DataplanePair, type NodeProcess } from '../support/dataplane-pair.ts';
import { iperf, ping, remote4, remote6, sendNumbered, sum } from '../support/pair-traffic.ts';

/** What a node had counted, and seen at its hooks, when it was asked. */
interface Moment {
  readonly account: WorkerStatus;
  readonly seen: Readonly<Record<string, number>>;
}

function momentOf({ accounts, captured }: NodeReport): Moment {
  return { account: accounts![0]!, seen: captured ?? {} };
}

/** Once nothing was counted or seen for as long as it takes to ask twice: what was seen since the last question. */
async function atRest(node: NodeProcess): Promise<Moment> {
  const seen: Record<string, number> = {};
  for (;;) {
    const before = momentOf(await node.ask('captured'));
    const after = momentOf(await node.ask('captured'));
    for (const one of [before, after]) {
      for (const [hook, segments] of Object.entries(one.seen)) seen[hook] = (seen[hook] ?? 0) + segments;
    }
    const [one, two] = [before.account, after.account];
    // A node counts and looks into its rings one after the other: what came in between is seen before it is counted.
    const isStill = one.egress.received === two.egress.received && one.ingress.received === two.ingress.received;
    if (isStill && sum({ ...after.seen, lost: 0 }) === 0) {
      return { account: after.account, seen };
    }
  }
}

const since = (before: DirectionStatus, after: DirectionStatus) => ({
  received: after.received - before.received,
  originated: after.originated - before.originated,
  sent: after.sent - before.sent,
  delivered: after.delivered - before.delivered,
  dropped: sum(after.dropped) - sum(before.dropped),
});

test('a capture of everything sees as many packets as the accounts of the workers have', async (t) => {
  await using pair = new DataplanePair();
  const nodes = await pair.up();
  for (const node of nodes) await node.ask('capture');
  const before = [await atRest(nodes[0]), await atRest(nodes[1])];
  for (const address of [remote4, remote6]) {
    await ping(pair, address);
    await ping(pair, address, 4000);
  }
  await t.throwsAsync(ping(pair, '10.244.9.9'));
  t.true((await iperf(pair, remote4, '--bytes', '20M')) > 0);
  await sendNumbered(pair, 6, 2000);
  for (const [index, node] of nodes.entries()) {
    const { account, seen } = await atRest(node);
    const egress = since(before[index]!.account.egress, account.egress);
    const ingress = since(before[index]!.account.ingress, account.ingress);
    t.is(seen['lost'], 0);
    t.is(seen['to-underlay'], egress.sent);
    t.is(seen['encapsulate'], seen['route']! + egress.originated - egress.delivered);
    t.is(seen['from-pod'], egress.received);
    t.is(seen['drop egress'] ?? 0, egress.dropped);
    t.is(seen['from-underlay'], ingress.received);
    t.is(seen['to-pod'], ingress.delivered + egress.delivered);
    t.is(seen['drop ingress'] ?? 0, ingress.dropped);
    t.true(ingress.delivered > 50);
  }
});
