/** The node that answers for an address of a load balancer is killed: how long until another answers. */
import { killNode, startNode } from '../../src/lab/node-power.ts';
import { BenchLab, until } from '../gossip/bench-lab.ts';

type Preset = 'lan' | 'local';

export interface TakeoverFigures {
  readonly preset: Preset;
  /** From each kill until another node told the link that it has the address. */
  readonly ms: readonly number[];
}

const NODES = 4;
const ADDRESS = '198.18.200.7';

const service = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'web', namespace: 'default', annotations: { 'weft.dev/load-balancer-addresses': ADDRESS } },
  spec: { type: 'LoadBalancer', allocateLoadBalancerNodePorts: false, selector: { app: 'web' }, ports: [{ port: 80 }] },
};

/** By the clocks of the daemons' own histories, which are this machine's. */
export async function measureTakeovers(
  preset: Preset,
  kills: number,
  progress: (step: string) => void,
): Promise<TakeoverFigures> {
  const settings = { 'gossip.preset': preset, 'services.pools': [`${ADDRESS}/32`] };
  await using lab = await BenchLab.up(NODES, 0, progress, settings);
  await lab.control(lab.nodes[0]!).givePolicies({ apply: [service] });
  const ms: number[] = [];
  for (let kill = 0; kill < kills; kill++) {
    const victim = await agreed(lab, lab.nodes);
    progress(`${preset}: kill ${kill + 1} of ${kills}: ${victim}`);
    const others = lab.nodes.filter((node) => node !== victim);
    const killedMs = Date.now();
    await killNode(lab.name, victim);
    const next = await agreed(lab, others, victim);
    const since = new Date(killedMs).toISOString();
    const [taken] = await lab.control(next).events({ since, kind: 'balancer-taken' });
    ms.push(Date.parse(taken!.time) - killedMs);
    await startNode(lab.name, victim);
    await lab.untilRouted(lab.nodes, lab.nodes);
  }
  return { preset, ms };
}

/** Who answers, as soon as all of these say the same, and it is another than before. */
async function agreed(lab: BenchLab, nodes: readonly string[], before = ''): Promise<string> {
  let told: readonly (string | null)[] = [];
  await until('nodes agree who answers', async () => {
    told = await Promise.all(
      nodes.map(async (node) => {
        const [one] = (await lab.control(node).services()).services;
        return one?.loadBalancerAddresses[0]?.node ?? null;
      }),
    );
    return told.every((name) => name !== null && name !== '' && name !== before && name === told[0]);
  });
  return told[0]!;
}
