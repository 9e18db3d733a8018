/** One invocation of the plugin: variables and standard input in, one document and an exit code out. */
import { CniError, CniCode, errorDocument } from './cni-error.ts';
import { CURRENT_VERSION, supportedVersions, versionDocument } from './cni-version.ts';
import { parseVerb, type CniVerb } from './environment.ts';
import { decodeConfig, parseConfig } from './net-conf.ts';
import { add, check, collect, del, status, type Invocation } from './verbs.ts';

/** What is written, and what the process ends with. */
export interface Outcome {
  /** Empty: nothing. */
  readonly stdout: string;
  readonly exitCode: 0 | 1;
}

const verbs: Readonly<Record<Exclude<CniVerb, 'VERSION'>, (invocation: Invocation) => Promise<object | undefined>>> = {
  ADD: add,
  DEL: del,
  CHECK: check,
  GC: collect,
  STATUS: status,
};

/** Never rejects. */
export async function runPlugin(
  env: Readonly<Record<string, string | undefined>>,
  readInput: () => Promise<string>,
): Promise<Outcome> {
  let cniVersion: string = CURRENT_VERSION;
  try {
    const verb = parseVerb(env);
    const config = await readInput();
    if (verb === 'VERSION') {
      const asked = config.trim() === '' ? undefined : decodeConfig(config)['cniVersion'];
      return succeeded(versionDocument(asked));
    }
    const document = decodeConfig(config);
    const said = supportedVersions.find((one) => one === document['cniVersion']);
    cniVersion = said ?? cniVersion;
    return succeeded(await verbs[verb]({ env, conf: parseConfig(document), config }));
  } catch (error) {
    const failure =
      error instanceof CniError ? error : new CniError(CniCode.refused, `a bug in weft-cni: ${String(error)}`);
    return { stdout: `${JSON.stringify(errorDocument(failure, cniVersion))}\n`, exitCode: 1 };
  }
}

function succeeded(document: object | undefined): Outcome {
  return { stdout: document === undefined ? '' : `${JSON.stringify(document)}\n`, exitCode: 0 };
}
