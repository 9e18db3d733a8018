/** Where the kernel of this node leads packets of its pods, what rules it goes by, and how much room its tables and queues have. */
import type { KernelWays } from '../../doctor/facts.ts';
import { nodeAddressIn } from '../../ipam/pool.ts';
import { type IpAnswer, ipLookups } from '../../linux/ip-lookups.ts';
import { readNamespaceFiles } from '../../linux/namespace-parameters.ts';
import { formatIpAddress, type IpAddress } from '../../wire/address.ts';
import type { Prefix } from '../../wire/prefix.ts';

export interface WayQuestions {
  readonly tunDevice: string;
  readonly pods: readonly {
    readonly name: string;
    readonly device: string;
    readonly addresses: readonly IpAddress[];
  }[];
  readonly peers: readonly { readonly name: string; readonly prefixes: readonly Prefix[] }[];
}

/** Peers that are asked for: what leads packets astray mostly does so for all of them. */
const MAX_PEERS = 8;

const TRACKED = 'sys/net/netfilter/nf_conntrack_count';
const MAX_TRACKED = 'sys/net/netfilter/nf_conntrack_max';

/** Asks the kernel: one program for each family. @throws CommandError, RequirementError */
export async function readKernelWays({ tunDevice, pods, peers }: WayQuestions): Promise<KernelWays> {
  const [ofFamily, files] = await Promise.all([
    Promise.all(([4, 6] as const).map(async (family) => lookUp(family, { tunDevice, pods, peers }))),
    readNamespaceFiles([TRACKED, MAX_TRACKED], undefined),
  ]);
  const [used, limit] = [Number(files[TRACKED]), Number(files[MAX_TRACKED])];
  return {
    diverted: ofFamily.flatMap(({ diverted }) => diverted),
    rules: [...new Set(ofFamily.flatMap(({ rules }) => rules))],
    queuePackets: ofFamily[0]?.queuePackets,
    // 0 is no limit.
    tracked: Number.isNaN(used) || Number.isNaN(limit) || limit === 0 ? undefined : { used, limit },
  };
}

interface Asked {
  readonly diverted: KernelWays['diverted'];
  readonly rules: readonly string[];
  readonly queuePackets: number | undefined;
}

async function lookUp(family: 4 | 6, { tunDevice, pods, peers }: WayQuestions): Promise<Asked> {
  const pod = pods.find(({ addresses }) => addresses.some((address) => address.family === family));
  const source = pod?.addresses.find((address) => address.family === family);
  const targets = peers.slice(0, MAX_PEERS).flatMap(({ name, prefixes }) => {
    const prefix = prefixes.find(({ address }) => address.family === family);
    return prefix === undefined ? [] : [{ name, address: formatIpAddress(nodeAddressIn(prefix)) }];
  });
  const ways =
    pod === undefined || source === undefined
      ? []
      : targets.map(({ address }) => `route get ${address} from ${formatIpAddress(source)} iif ${pod.device}`);
  const answers = await ipLookups({
    family,
    lines: ['rule show', `link show dev ${tunDevice}`, ...ways],
    purpose: 'look at where packets of pods are led',
  });
  const diverted = targets.slice(0, ways.length).flatMap(({ name, address }, index) => {
    const row = firstRow(answers[index + 2]);
    const device = row?.['dev'];
    // Without any route there is another finding.
    if (typeof device !== 'string' || device === tunDevice || row?.['type'] === 'local') return [];
    const table = typeof row?.['table'] === 'string' ? row['table'] : 'main';
    return [{ pod: pod!.name, node: name, address, device, table }];
  });
  const queue = firstRow(answers[1])?.['txqlen'];
  return {
    diverted,
    rules: rowsOf(answers[0]).flatMap(ruleBeforeMain),
    queuePackets: typeof queue === 'number' ? queue : undefined,
  };
}

/** Of main itself the kernel has 32766; what comes before it, and behind `local`, somebody has set. */
function ruleBeforeMain(row: Readonly<Record<string, unknown>>): string[] {
  const { priority, src, dst, table, iif, oif, fwmark } = row;
  if (typeof priority !== 'number' || priority === 0 || priority >= 32_766) return [];
  const words = [
    ['from', src],
    ['to', dst],
    ['fwmark', fwmark],
    ['iif', iif],
    ['oif', oif],
    ['lookup', table],
  ].flatMap(([word, value]) => (typeof value === 'string' ? [`${String(word)} ${value}`] : []));
  return [`${priority}: ${words.join(' ')}`];
}

function rowsOf(answer: IpAnswer | undefined): readonly Readonly<Record<string, unknown>>[] {
  return answer !== undefined && 'rows' in answer ? answer.rows : [];
}

function firstRow(answer: IpAnswer | undefined): Readonly<Record<string, unknown>> | undefined {
  return rowsOf(answer)[0];
}
