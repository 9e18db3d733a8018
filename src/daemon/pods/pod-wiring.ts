/**
 * The cable between a node and a pod: a veth pair, addresses and routes at both ends.
 *
 *     node                                          pod
 *     wf1a2b3c4d  169.254.1.1/32  fe80::1/64  ----  eth0  ADDRESS/32, ADDRESS/128
 *     ADDRESS dev wf1a2b3c4d src NODE               default via 169.254.1.1 / fe80::1
 *     BEHIND via ADDRESS dev wf1a2b3c4d onlink      (what is behind a router, it routes itself)
 *
 * The gateway is link-local and the same in every pod, so a pod costs no address but its own, and needs no bridge.
 */
import { CommandError, ConflictError, RequirementError } from '../../errors.ts';
import { runCommand } from '../../linux/command.ts';
import { batchWord, ipBatch, ipBatchTogether, namingTheLine, ROUTE_PROTOCOL } from '../../linux/iproute.ts';
import { generatesLinkLocal } from '../../linux/link.ts';
import { deleteLinkTogether } from '../../linux/link-deletion.ts';
import { ensureSysctl, readSysctl, WRITABLE_NET } from '../../linux/sysctl.ts';
import { deleteRouteLine, type KernelRoute } from '../../linux/route.ts';
import { formatIpAddress, type IpAddress } from '../../wire/address.ts';
import { type Prefix, prefixWord } from '../../wire/prefix.ts';
import type { Notice } from '../../api/control-api.ts';
import { ensureDeviceForwarding } from '../host/node-sysctls.ts';
import { IPV6_MIN_MTU } from '../../wire/ipv6.ts';
import { POD_GATEWAY } from '../host/pod-devices.ts';
import { makeCable } from './new-pod-cable.ts';
import { setUpNewPodEnd } from './pod-interior-setup.ts';

export interface PodCable {
  /** Of the pod, within the node: {@link keyOf}. */
  readonly key: string;
  /** How people are told of the pod. */
  readonly pod: string;
  /** Name of the pod's end. */
  readonly device: string;
  readonly netns: string;
  readonly hostDevice: string;
  readonly alias: string;
  /** Without, it has a table of its own for what is sent from its addresses, and leaves the main one to others. */
  readonly hasDefaultRoute: boolean;
  /** Prefixes that it leads to, and nowhere else: it is beside the interface of another network, and has no table of its own. */
  readonly onlyTo?: readonly Prefix[];
  readonly hostMac: string;
  readonly podMac: string;
  readonly mtuBytes: number;
  readonly addresses: readonly IpAddress[];
  /** Prefixes that lie behind it. */
  readonly allowSources: readonly Prefix[];
  /** What the node itself sends from, towards a pod of the family. */
  readonly nodeAddresses: readonly IpAddress[];
}

/**
 * Makes the pair, and on failure leaves none. The namespace stays in either case.
 *
 * @param newNetns name under /run/netns of a namespace to make first.
 * @returns what a person should know of the pod.
 * @throws ConflictError `device-exists` if the namespace has a device of this name.
 * @throws RequirementError `mount-denied` if no namespace can be made.
 */
export async function connectPod(cable: PodCable, newNetns?: string): Promise<Notice[]> {
  if (newNetns === undefined && cable.allowSources.length === 0 && hasNewDeviceIpv6(cable))
    return await connectContainer(cable);
  const purpose = `connect pod ${cable.pod}`;
  const { device, hostDevice, hostMac, podMac, mtuBytes } = cable;
  const peer = `peer name ${device} mtu ${mtuBytes} address ${podMac} netns ${batchWord(cable.netns)}`;
  const lines = [
    ...(newNetns === undefined ? [] : [`netns add ${batchWord(newNetns)}`]),
    `link add name ${hostDevice} mtu ${mtuBytes} address ${hostMac} type veth ${peer}`,
    `link set dev ${hostDevice} alias ${batchWord(cable.alias)}`,
  ];
  // One run of `ip` for both, if the device will need nothing else in between.
  const isWhole = hasNewDeviceIpv6(cable);
  try {
    await ipBatchTogether([...lines, ...(isWhole ? hostEndLines(cable, hasIpv6(cable), true) : [])], purpose);
  } catch (error) {
    throw deviceExists(error, cable) ?? mountDenied(error, cable) ?? error;
  }
  try {
    return await furnishPod(cable, 'add', !isWhole);
  } catch (error) {
    await disconnectPod(cable.pod, hostDevice);
    throw error;
  }
}

/** As {@link connectPod}, without a program: there is nothing to be made but the cable, as for each container of a runtime. */
async function connectContainer(cable: PodCable): Promise<Notice[]> {
  try {
    await makeCable(cable);
    return await furnishPod(cable, 'add', false);
  } catch (error) {
    const exists = deviceExists(error, cable);
    if (exists !== undefined) throw exists;
    await disconnectPod(cable.pod, cable.hostDevice);
    throw error;
  }
}

/**
 * Gives both ends of the pair what they should have: all of it anew, so what is missing comes back.
 *
 * @param verb `replace` if the pod was furnished before. `add` fails rather than displace a default route of somebody else.
 * @param withHostEnd false: that was furnished when it was made.
 */
export async function furnishPod(cable: PodCable, verb: 'add' | 'replace', withHostEnd = true): Promise<Notice[]> {
  const nodeRefusal = hasIpv6(cable) ? whyNoIpv6OnNode(cable) : undefined;
  const withIpv6 = hasIpv6(cable) && nodeRefusal === undefined;
  const [, podRefusal] = await Promise.all([
    withHostEnd ? furnishHostEnd(cable, withIpv6) : undefined,
    furnishPodEnd(cable, verb, withIpv6),
  ]);
  const hasIpv4 = cable.addresses.some(({ family }) => family === 4);
  const notices = hasIpv4 ? ensureDeviceForwarding(cable.hostDevice, cable.pod) : [];
  const refusal = nodeRefusal ?? podRefusal;
  if (refusal === undefined) return notices;
  if (cable.addresses.every(({ family }) => family === 6))
    throw new RequirementError('pod-ipv6-disabled', `pod ${cable.pod} has only IPv6 addresses, but ${refusal}`);
  return [...notices, { code: 'pod-ipv6-disabled', message: `pod ${cable.pod} has no IPv6: ${refusal}` }];
}

function hasIpv6({ addresses }: PodCable): boolean {
  return addresses.some(({ family }) => family === 6);
}

/** Whether a device that is made now has IPv6, without anything being set. */
function hasNewDeviceIpv6({ mtuBytes }: PodCable): boolean {
  return mtuBytes >= IPV6_MIN_MTU && readSysctl('net/ipv6/conf/default/disable_ipv6') === '0';
}

async function furnishHostEnd(cable: PodCable, withIpv6: boolean): Promise<void> {
  const purpose = `connect pod ${cable.pod} on the node's side`;
  await ipBatch(hostEndLines(cable, withIpv6, generatesLinkLocal(cable.hostDevice)), { purpose });
}

/** @param givesLinkLocal whether the kernel gives the device a link-local address of its own. */
function hostEndLines(cable: PodCable, withIpv6: boolean, givesLinkLocal: boolean): string[] {
  const device = cable.hostDevice;
  return [
    // Before it is up, when it would get one.
    ...(givesLinkLocal ? [`link set dev ${device} addrgenmode none`] : []),
    `link set dev ${device} alias ${batchWord(cable.alias)} mtu ${cable.mtuBytes} up`,
    `address replace ${POD_GATEWAY[4]}/32 dev ${device} scope link`,
    ...(withIpv6 ? [`address replace ${POD_GATEWAY[6]}/64 dev ${device} nodad`] : []),
    ...hostRoutes(cable)
      .filter(({ family }) => withIpv6 || family === 4)
      .map((route) => `route replace ${hostRouteLine(route, cable)}`),
  ];
}

/** A route of the node to a pod. */
export interface HostRoute {
  readonly family: 4 | 6;
  /** As `ip` lists it: an address, or a prefix that lies behind the pod. */
  readonly destination: string;
  /** The pod's address; empty: the destination itself is that. */
  readonly gateway: string;
}

/** The node's routes to a pod: one for each address, then one for each prefix behind it. */
export function hostRoutes({ addresses, allowSources }: Pick<PodCable, 'addresses' | 'allowSources'>): HostRoute[] {
  return [
    ...addresses.map((address): HostRoute => {
      return { family: address.family, destination: formatIpAddress(address), gateway: '' };
    }),
    ...allowSources.flatMap((prefix): HostRoute[] => {
      const { family } = prefix.address;
      const gateway = addresses.find((address) => address.family === family);
      if (gateway === undefined) return [];
      return [{ family, destination: prefixWord(prefix), gateway: formatIpAddress(gateway) }];
    }),
  ];
}

function hostRouteLine({ family, destination, gateway }: HostRoute, cable: PodCable): string {
  const source = cable.nodeAddresses.find((address) => address.family === family);
  const from = source === undefined ? '' : ` src ${formatIpAddress(source)}`;
  const via = gateway === '' ? '' : ` via ${gateway}`;
  const onlink = gateway === '' ? '' : ' onlink';
  return `${destination}${via} dev ${cable.hostDevice}${onlink}${from} proto ${ROUTE_PROTOCOL}`;
}

/** Deletes these routes to what lies behind a pod. */
export async function deleteHostRoutes(pod: string, routes: readonly KernelRoute[]): Promise<void> {
  await ipBatch(routes.map(deleteRouteLine), { purpose: `remove routes that lead behind pod ${pod}` });
}

/** @returns why there is no IPv6 inside the pod although it was wanted. */
async function furnishPodEnd(cable: PodCable, verb: 'add' | 'replace', withIpv6: boolean): Promise<string | undefined> {
  if (verb === 'add' && cable.hasDefaultRoute && setUpNewPodEnd(cable, withIpv6)) return undefined;
  const ipv4 = [
    'link set dev lo up',
    // A new device has it already; one that the pod changed is given it again.
    ...(verb === 'replace' ? [`link set dev ${cable.device} address ${cable.podMac}`] : []),
    `link set dev ${cable.device} mtu ${cable.mtuBytes} up`,
    ...podLines(cable, 4, verb),
  ];
  const ipv6 = withIpv6 ? podLines(cable, 6, verb) : [];
  const hasTable = !cable.hasDefaultRoute && cable.onlyTo === undefined;
  if (hasTable) await ensureSourceRules(cable, withIpv6 ? [4, 6] : [4]);
  if (!(await runPodScript(cable, [], ipv4, ipv6))) return undefined;
  try {
    // Where /proc/sys is read-only, another /proc may be mounted over it, for the script alone.
    if (!(await runPodScript(cable, ['unshare', '--mount'], [], ipv6, 'mount'))) return undefined;
  } catch {
    // Not every container may mount. The reason below then stands.
  }
  return 'its namespace has disable_ipv6=1 and /proc/sys is read-only: start its container with --sysctl net.ipv6.conf.all.disable_ipv6=0';
}

/** @returns whether the lines for IPv6 were left out, since it is off and stays off. */
async function runPodScript(
  cable: PodCable,
  wrapper: readonly string[],
  ipv4: readonly string[],
  ipv6: readonly string[],
  mount = '',
): Promise<boolean> {
  const purpose = `connect pod ${cable.pod} on its side`;
  const argv = [...wrapper, 'sh', '-c', POD_SCRIPT, 'weft-pod', cable.device, ipv4.join('\n'), ipv6.join('\n'), mount];
  try {
    return (await runCommand(argv, { purpose, netns: cable.netns })).includes('no-ipv6');
  } catch (error) {
    // The script leaves the number of the line to `ip`, in which an absent first half counts one empty line.
    throw namingTheLine(error, ipv4.length === 0 ? ['', ...ipv6] : [...ipv4, ...ipv6], purpose);
  }
}

function podLines(cable: PodCable, family: 4 | 6, verb: 'add' | 'replace'): string[] {
  const own = cable.addresses.filter((address) => address.family === family).map(formatIpAddress);
  if (own[0] === undefined) return [];
  const way = `via ${POD_GATEWAY[family]} dev ${cable.device} src ${own[0]} proto ${ROUTE_PROTOCOL}`;
  return [
    ...own.map(
      (address) =>
        `address replace ${address}/${family === 4 ? 32 : 128} dev ${cable.device}${family === 6 ? ' nodad' : ''}`,
    ),
    ...podRouteLines(cable, { family, verb, way }),
  ];
}

interface PodWay {
  readonly family: 4 | 6;
  readonly verb: 'add' | 'replace';
  /** Behind the destination of a route. */
  readonly way: string;
}

function podRouteLines(cable: PodCable, { family, verb, way }: PodWay): string[] {
  // On the link, without a route to the gateway: others have one of the same address.
  if (cable.onlyTo !== undefined)
    return prefixesOf(cable.onlyTo, family).map((prefix) => `route ${verb} ${prefix} ${way} onlink`);
  if (!cable.hasDefaultRoute) return [`route replace default ${way} onlink table ${sourceTable(cable)}`];
  return [
    // IPv6 finds its gateway through the link-local network that every device is in.
    ...(family === 4 ? [`route replace ${POD_GATEWAY[4]} dev ${cable.device} scope link proto ${ROUTE_PROTOCOL}`] : []),
    `route ${verb} default ${way}`,
  ];
}

function prefixesOf(prefixes: readonly Prefix[], family: 4 | 6): string[] {
  return prefixes.filter(({ address }) => address.family === family).map(prefixWord);
}

/**
 * Routing table, inside of a pod, for what is sent from the addresses of a further interface. The kernel drops it on any other: each
 * is bound to its own addresses. The number is that of an address, which is in this pod alone.
 */
export function sourceTable({ addresses }: Pick<PodCable, 'addresses'>): number {
  const bytes = addresses[0]?.bytes ?? new Uint8Array(4);
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getUint32(bytes.length - 4);
}

/** What {@link mainRouteCommand} needs to know. */
export type RoutedCable = Pick<PodCable, 'device' | 'hasDefaultRoute' | 'onlyTo' | 'addresses'>;

/**
 * A command for a shell in the pod that lists as JSON the routes by which the interface sends, where they are, and are used: default
 * routes, or, beside the interface of another network, those to the first of the prefixes that it leads to, if there are routes to all.
 */
export function mainRouteCommand(cable: RoutedCable, family: 4 | 6): string {
  if (cable.hasDefaultRoute) return `ip -${family} -json route show default`;
  const own = cable.addresses.find((address) => address.family === family);
  if (own === undefined) return 'echo []';
  if (cable.onlyTo !== undefined) {
    const prefixes = prefixesOf(cable.onlyTo, family);
    // Told where to look for devices, `ip` leaves them out of what it says.
    const has = prefixes.map((prefix) => `ip -${family} route show exact ${prefix} | grep -q " dev ${cable.device} "`);
    return `{ ${has.join(' && ')} && ip -${family} -json route show exact ${prefixes[0]} || echo []; }`;
  }
  const table = sourceTable(cable);
  const rule = `ip -${family} rule show from ${formatIpAddress(own)} table ${table} | grep -q .`;
  return `{ ${rule} && ip -${family} -json route show default table ${table} || echo []; }`;
}

function sourceRules(cable: PodCable, family: 4 | 6): string[] {
  return cable.addresses
    .filter((address) => address.family === family)
    .map((address) => `from ${formatIpAddress(address)} table ${sourceTable(cable)} protocol ${ROUTE_PROTOCOL}`);
}

/** `ip rule` has no replace, and `ip -batch` takes no family. */
async function ensureSourceRules(cable: PodCable, families: readonly (4 | 6)[]): Promise<void> {
  const commands = families.flatMap((family) =>
    sourceRules(cable, family).map((rule) => {
      const verb = (name: string): string => `ip -${family} rule ${name} ${rule}`;
      return `${verb('delete')} 2>/dev/null; ${verb('add')} || exit`;
    }),
  );
  const purpose = `have pod ${cable.pod} send from its addresses by ${cable.device}`;
  await runCommand(['sh', '-c', commands.join('\n')], { purpose, netns: cable.netns });
}

/**
 * Runs inside the pod's network namespace: $1 device, $2 and $3 the lines for `ip -batch` without and with IPv6, $4 whether to
 * mount a writable /proc first. Says `no-ipv6` if that is off and stays off. One run does all: a run costs more than the work.
 */
const POD_SCRIPT = `
conf=/proc/sys/net/ipv6/conf
[ -w $conf/all/disable_ipv6 ] || [ ! -d ${WRITABLE_NET} ] || conf=${WRITABLE_NET}/ipv6/conf
set_to() {
  value=
  # A file of /proc/sys ends after its first byte for a shell that reads bytewise: \`read\` then has the digit, and fails.
  read -r value < "$2" || [ -n "$value" ] || return 1
  [ "$value" = "$1" ] || echo "$1" > "$2"
}
ipv6_on() {
  for device in all default lo "$1"; do set_to 0 "$conf/$device/disable_ipv6" || return 1; done
  # No duplicate address detection: there are two ends, and a second of waiting would be for nothing.
  set_to 0 "$conf/$1/accept_dad" || true
  # A link-local address made from the MAC address: the node lets no other one through.
  set_to 0 "$conf/$1/addr_gen_mode" || true
}
[ -z "$4" ] || mount -t proc proc /proc || exit 1
lines=$2
if [ -n "$3" ]; then
  if ipv6_on "$1" 2>/dev/null; then
    lines="$2
$3"
  else
    echo no-ipv6
  fi
fi
exec ip -batch - <<END
$lines
END
`;

function whyNoIpv6OnNode(cable: PodCable): string | undefined {
  if (cable.mtuBytes < IPV6_MIN_MTU)
    return `the overlay's MTU of ${cable.mtuBytes} is below IPv6's least, ${IPV6_MIN_MTU}`;
  const outcome = ensureSysctl(`net/ipv6/conf/${cable.hostDevice}/disable_ipv6`, '0');
  if (outcome === 'set') return undefined;
  if (outcome === 'missing') return 'the kernel of the node has no IPv6';
  return 'IPv6 is off on the node and /proc/sys is read-only: start its container with --sysctl net.ipv6.conf.default.disable_ipv6=0';
}

function deviceExists(error: unknown, cable: PodCable): ConflictError | undefined {
  const exists =
    error instanceof CommandError &&
    /^ip link add .*File exists/s.test(`${String(error.details['command'])} ${String(error.details['stderr'])}`);
  if (!exists) return undefined;
  const message = `pod ${cable.pod} cannot be connected: ${cable.netns} has a device ${cable.device} already, or the node has ${cable.hostDevice}`;
  return new ConflictError('device-exists', message, { pod: cable.pod, netns: cable.netns });
}

/** `ip netns add` mounts. Where a security module, or a filter of system calls, forbids that, it says that it may not, and no more. */
function mountDenied(error: unknown, cable: PodCable): RequirementError | undefined {
  const isDenied =
    error instanceof CommandError &&
    /^(mount --make-\w+|Bind) .*: (Operation not permitted|Permission denied)$/m.test(String(error.details['stderr']));
  if (!isDenied) return undefined;
  const remedy =
    'in a container, start it with --security-opt apparmor=unconfined, and with a seccomp profile that allows mount, or add the pod with --pid, which mounts nothing';
  const message = `cannot make a network namespace for pod ${cable.pod}: mounting it at ${cable.netns} is forbidden; ${remedy}`;
  return new RequirementError('mount-denied', message, { pod: cable.pod, netns: cable.netns });
}

/** Whether a pod could not be connected because somebody else's default route is in its namespace. */
export function isDefaultRouteTaken(error: unknown): boolean {
  if (!(error instanceof CommandError)) return false;
  return /^ip route add default .*File exists/s.test(
    `${String(error.details['command'])} ${String(error.details['stderr'])}`,
  );
}

/** Removes a pair, by its node's end. */
export async function disconnectPod(pod: string, hostDevice: string): Promise<void> {
  await deleteLinkTogether(hostDevice, `disconnect pod ${pod}`);
}
