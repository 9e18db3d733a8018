import test from 'ava';
import { type OptionalFeature, optionalFeatures } from '../../src/daemon/config/optional-feature.ts';
import { DataplanePair } from '../support/dataplane-pair.ts';
import { iperf, isBalanced, ping, remote4, remote6, sendNumbered, sum } from '../support/pair-traffic.ts';

const TCP_BYTES = 20_000_000;
/** The receiver stops counting when the sender has nothing more to give to its kernel. */
const LEAST_TCP_BYTES = TCP_BYTES / 2;
/** Some 16 super-packets: what a receive buffer of the default size holds, however late its reader is. */
const DATAGRAMS = 100;

/** What `weft status` calls the parts of a feature, if it has more than one. */
const shownAs: Partial<Record<OptionalFeature, readonly string[]>> = {
  tunOffloads: ['tunChecksum', 'tunTcpSegmentation', 'tunUdpSegmentation'],
};

const passesTraffic = test.macro({
  async exec(t, without: readonly OptionalFeature[]) {
    await using pair = new DataplanePair({ without });
    const nodes = await pair.up();
    for (const node of nodes) {
      const { features = {} } = await node.status();
      const off = Object.keys(features).filter((name) => features[name] !== true);
      t.deepEqual(off.sort(), without.flatMap((feature) => shownAs[feature] ?? [feature]).sort());
    }
    for (const address of [remote4, remote6]) {
      await t.notThrowsAsync(ping(pair, address));
      await t.notThrowsAsync(ping(pair, address, 8000));
      t.true((await iperf(pair, address, '--bytes', TCP_BYTES)) >= LEAST_TCP_BYTES);
    }
    for (const family of [4, 6] as const) {
      t.deepEqual(await sendNumbered(pair, family, DATAGRAMS), { intact: DATAGRAMS, damaged: 0 });
    }
    for (const node of nodes) {
      for (const { egress, ingress } of (await node.status()).accounts ?? []) {
        for (const account of [egress, ingress]) {
          t.true(isBalanced(account), JSON.stringify(account));
          t.is(sum(account.dropped), 0, JSON.stringify(account.dropped));
        }
      }
    }
  },
  title: (name = '') => `ICMP, TCP and UDP pass over IPv4 and IPv6 ${name}`,
});

test.serial('with everything on', passesTraffic, []);
test.serial('with everything off', passesTraffic, optionalFeatures);
for (const feature of optionalFeatures) test.serial(`with ${feature} alone off`, passesTraffic, [feature]);
