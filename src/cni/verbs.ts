/** ADD, DEL, CHECK, GC and STATUS, by asking the daemon. */
import type { CniSpool } from '../linux/cni-spool.ts';
import type { AttachmentCheckRequest, AttachmentKey, AttachRequest } from '../api/cni-api.ts';
import { CniCode, CniError } from './cni-error.ts';
import { resultDocument, resultOf } from './cni-result.ts';
import { isAtLeast } from './cni-version.ts';
import { cniErrorOf, daemonAt, isDaemonAbsent, patiently } from './daemon.ts';
import { type CniContainer, parseContainer } from './environment.ts';
import { ipamAdd, type IpamPlugin, ipamRun } from './ipam-plugin.ts';
import { decodeConfig, withoutLength, type NetConf } from './net-conf.ts';

/** What a verb works with. */
export interface Invocation {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly conf: NetConf;
  /** The configuration as it came, for an IPAM plugin. */
  readonly config: string;
}

/** Attaches an interface. @returns the result. @throws CniError, and nothing is left */
export async function add(invocation: Invocation): Promise<object> {
  const { conf, env, config } = invocation;
  const container = containerOf(conf, parseContainer(env, 'ADD'));
  if (conf.alongside !== undefined && conf.prevResult === undefined)
    throw new CniError(
      CniCode.invalidConfig,
      'prevResult: is missing: with alongside, weft-cni stands behind another network in the list of plugins',
    );
  const ipam = ipamOf(invocation);
  const given = ipam === undefined ? undefined : (await ipamAdd(ipam)).ips.map(({ address }) => withoutLength(address));
  try {
    const request = attachRequest(conf, container, given);
    // What was given up before is of the past, and the daemon carries it out first, if it knows it.
    const attached = await patiently(async () => await daemonAt(conf.socket).attach(request), true);
    // As it came, with whatever else is in it: it describes the network of others.
    if (conf.alongside !== undefined) return decodeConfig(config)['prevResult'] as object;
    return resultDocument(resultOf(attached, container.netns, conf.dns, conf.prevResult), conf.cniVersion);
  } catch (error) {
    if (ipam !== undefined) await ipamRun(ipam, 'DEL').catch(() => undefined);
    throw cniErrorOf(error);
  }
}

/** Removes an interface, whether it is there or not, and whether a daemon runs or not. @throws CniError if nobody would ever do it */
export async function del(invocation: Invocation): Promise<undefined> {
  const { conf, env } = invocation;
  const key = keyOf(conf, containerOf(conf, parseContainer(env, 'DEL')));
  await detach(conf, key);
  const ipam = ipamOf(invocation);
  if (ipam !== undefined) await ipamRun(ipam, 'DEL');
  return undefined;
}

/** Looks whether an interface is as it was given. @throws CniError 101 with what is not */
export async function check(invocation: Invocation): Promise<undefined> {
  const { conf, env } = invocation;
  if (!isAtLeast(conf.cniVersion, '0.4.0')) throw tooOld('CHECK', '0.4.0');
  const container = containerOf(conf, parseContainer(env, 'CHECK'));
  const { prevResult } = conf;
  // What weft gave is not in the result: it is compared with what the daemon knows.
  if (conf.alongside !== undefined) return await checkWith(conf, { ...keyOf(conf, container), netns: container.netns });
  if (prevResult === undefined)
    throw new CniError(CniCode.invalidConfig, 'prevResult: is missing, and CHECK compares with it');
  const ipam = ipamOf(invocation);
  if (ipam !== undefined) await ipamRun(ipam, 'CHECK');
  const own = prevResult.interfaces.findIndex(
    ({ name, sandbox }) => name === container.interface && sandbox !== undefined,
  );
  if (own === -1)
    throw new CniError(CniCode.invalidConfig, `prevResult.interfaces: has no ${container.interface} of the container`);
  const addresses = prevResult.ips
    .filter(({ interface: at }) => at === own)
    .map(({ address }) => withoutLength(address));
  return await checkWith(conf, { ...keyOf(conf, container), netns: container.netns, addresses });
}

async function checkWith(conf: NetConf, request: AttachmentCheckRequest): Promise<undefined> {
  const { differences } = await asked(async () => await daemonAt(conf.socket).checkAttachment(request));
  if (differences.length === 0) return undefined;
  throw new CniError(CniCode.different, differences.join('; '), 'check-failed');
}

/** Removes those interfaces of the network that the runtime does not know any more. @throws CniError */
export async function collect(invocation: Invocation): Promise<undefined> {
  const { conf } = invocation;
  if (!isAtLeast(conf.cniVersion, '1.1.0')) throw tooOld('GC', '1.1.0');
  const { validAttachments, name } = conf;
  if (validAttachments === undefined)
    throw new CniError(
      CniCode.invalidConfig,
      'cni.dev/valid-attachments: is missing: without it, nothing is known to have leaked',
    );
  const valid = new Set(validAttachments.map((one) => `${one.containerId}/${conf.alongside ?? one.interface}`));
  const known = await asked(async () => await daemonAt(conf.socket).attachments());
  const leaked = known.filter((one) => one.cniNetwork === name && !valid.has(`${one.containerId}/${one.interface}`));
  for (const key of leaked) await asked(async () => await daemonAt(conf.socket).detach(key));
  const ipam = ipamOf(invocation);
  if (ipam !== undefined) await ipamRun(ipam, 'GC');
  return undefined;
}

/** Says whether an interface could be attached now. @throws CniError 50; 51 where pods that are there suffer as well */
export async function status(invocation: Invocation): Promise<undefined> {
  const { conf } = invocation;
  if (!isAtLeast(conf.cniVersion, '1.1.0')) throw tooOld('STATUS', '1.1.0');
  const answer = await patiently(async () => await daemonAt(conf.socket).attachmentStatus(), false).catch(
    (error: unknown) => {
      // Without a daemon no packet goes from node to node.
      throw new CniError(CniCode.notAvailableLimited, (error as Error).message);
    },
  );
  const ipam = ipamOf(invocation);
  if (ipam !== undefined) await ipamRun(ipam, 'STATUS');
  else if (!answer.ready) throw new CniError(CniCode.notAvailable, answer.problem);
  return undefined;
}

/**
 * Where no daemon answers, the removal is spooled; and then once more the daemon is told, which may have started in between, and read
 * the spool before.
 */
async function detach(conf: NetConf, key: AttachmentKey): Promise<void> {
  const ask = async (): Promise<unknown> => await patiently(async () => await daemonAt(conf.socket).detach(key), false);
  try {
    await ask();
    return;
  } catch (error) {
    if (!isDaemonAbsent(error)) throw cniErrorOf(error);
    await spool(conf, key, error as Error);
  }
  await ask().then(
    async () => (await openSpool(conf)).delete(key),
    // The daemon reads the spool when it starts.
    () => undefined,
  );
}

/** @param absence why the daemon could not be asked. @throws CniError */
async function spool(conf: NetConf, key: AttachmentKey, absence: Error): Promise<void> {
  try {
    (await openSpool(conf)).write(key);
  } catch (failure) {
    const message = `${absence.message}; and the removal cannot be kept for later: ${(failure as Error).message}`;
    throw new CniError(CniCode.ioFailure, message);
  }
}

/** Loaded when a daemon is absent only: it takes a tenth of the plugin's time. */
async function openSpool(conf: NetConf): Promise<CniSpool> {
  const { CniSpool: Spool } = await import('../linux/cni-spool.ts');
  return new Spool(conf.spool);
}

async function asked<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
  try {
    return await patiently(ask, false);
  } catch (error) {
    throw cniErrorOf(error);
  }
}

function attachRequest(conf: NetConf, container: CniContainer, given: readonly string[] | undefined): AttachRequest {
  const { netns, args } = container;
  const addresses = given ?? conf.addresses ?? args.addresses?.map(withoutLength);
  const mac = conf.mac ?? args.mac;
  return {
    ...keyOf(conf, container),
    netns,
    ...(conf.alongside !== undefined && { alongside: true }),
    ...(args.podName !== undefined && { podName: args.podName }),
    ...(args.podNamespace !== undefined && { podNamespace: args.podNamespace }),
    ...(args.podUid !== undefined && { podUid: args.podUid }),
    ...(addresses !== undefined && { addresses }),
    ...(mac !== undefined && { mac }),
  };
}

/**
 * The interface that is weft's. Alongside, it is not the one that the runtime names, and what the runtime asks for in CNI_ARGS is not
 * meant for it.
 */
function containerOf({ alongside }: NetConf, container: CniContainer): CniContainer {
  if (alongside === undefined) return container;
  if (alongside === container.interface)
    throw new CniError(CniCode.invalidConfig, `alongside: ${alongside} is the interface of the other network`);
  const { addresses: _addresses, mac: _mac, ...args } = container.args;
  return { ...container, interface: alongside, args };
}

function keyOf({ name: cniNetwork }: NetConf, { containerId, interface: name }: CniContainer): AttachmentKey {
  return { cniNetwork, containerId, interface: name };
}

function ipamOf({ conf, env, config }: Invocation): IpamPlugin | undefined {
  return conf.ipam === undefined ? undefined : { type: conf.ipam, env, config };
}

function tooOld(verb: string, since: string): CniError {
  return new CniError(CniCode.incompatibleVersion, `${verb} is there since CNI ${since}: raise cniVersion`);
}
