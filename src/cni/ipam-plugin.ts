/** Another plugin that gives out addresses, such as host-local (CNI 1.1, "Section 4: Plugin Delegation"). */
import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';
import { CniCode, CniError } from './cni-error.ts';
import { parseResult, type CniResult } from './cni-result.ts';
import { type CniVerb, pluginDirectories } from './environment.ts';

/** Most that it may write, in bytes. */
const MAX_OUTPUT_BYTES = 1024 * 1024;

export interface IpamPlugin {
  /** Its name. */
  readonly type: string;
  /** Of this process: it is given all of it. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The network configuration as it came. */
  readonly config: string;
}

/** Has it give out addresses. @throws CniError its own, or 7 if there is no such plugin */
export async function ipamAdd(plugin: IpamPlugin): Promise<CniResult> {
  const result = parseResult(decode(await run(plugin, 'ADD'), plugin), `result of ${plugin.type}`);
  if (result.ips.length > 0) return result;
  throw new CniError(CniCode.invalidConfig, `ipam: ${plugin.type} gave no address`);
}

/** Has it do something else with what it gave out. @throws as {@link ipamAdd} */
export async function ipamRun(plugin: IpamPlugin, verb: CniVerb): Promise<void> {
  await run(plugin, verb);
}

async function run(plugin: IpamPlugin, verb: CniVerb): Promise<string> {
  const { type, env, config } = plugin;
  // Most networks have none, and a plugin is started for every container.
  const { spawn } = await import('node:child_process');
  const child = spawn(pathOf(plugin), [], { env: { ...env, CNI_COMMAND: verb }, stdio: ['pipe', 'pipe', 'inherit'] });
  const parts: Buffer[] = [];
  let roomBytes = MAX_OUTPUT_BYTES;
  child.stdout.on('data', (part: Buffer) => {
    roomBytes -= part.length;
    if (roomBytes < 0) child.kill();
    else parts.push(part);
  });
  // One that ends without reading says why with its exit code.
  child.stdin.on('error', () => undefined);
  child.stdin.end(config);
  const exitCode = await new Promise<number | null>((resolve, reject) => {
    child.on('error', (error) =>
      reject(new CniError(CniCode.ioFailure, `ipam: ${type} cannot be started: ${error.message}`)),
    );
    child.on('close', resolve);
  });
  const text = Buffer.concat(parts).toString('utf8');
  if (exitCode === 0) return text;
  const { code, msg, details } = decode(text, plugin) as { code?: number; msg?: string; details?: string };
  throw new CniError(code ?? CniCode.refused, `ipam: ${type}: ${msg ?? `exit code ${exitCode}`}`, details ?? '');
}

function pathOf({ type, env }: IpamPlugin): string {
  const directories = pluginDirectories(env);
  for (const directory of directories) {
    const path = join(directory, type);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // In the next one, perhaps.
    }
  }
  throw new CniError(
    CniCode.invalidConfig,
    `ipam.type: there is no plugin ${type} in CNI_PATH (${directories.join(', ')})`,
  );
}

function decode(text: string, { type }: IpamPlugin): object {
  try {
    const document = JSON.parse(text === '' ? '{}' : text) as unknown;
    if (typeof document === 'object' && document !== null) return document;
  } catch {
    // Below.
  }
  throw new CniError(CniCode.undecodable, `ipam: what ${type} wrote is no JSON object`);
}
