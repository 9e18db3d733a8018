/** The keys that this machine has, so that a report can be searched for them. */
import { readFileSync } from 'node:fs';
import { parseKey } from '../daemon/gossip/key-file.ts';
import { readConfigFile } from '../daemon/config/config-file.ts';

/** Where keys are by default, as the documentation sets it up. */
const KEY_FILE = '/etc/weft/gossip.key';

/** Those of the key file that the configuration names, as far as they can be read: who cannot read them, cannot report them. */
export function knownKeys(configFile: string | undefined, env: NodeJS.ProcessEnv = process.env): readonly Uint8Array[] {
  const files = [KEY_FILE, env['WEFT_GOSSIP_KEY_FILE'], keyFileOf(configFile)];
  return files.flatMap((file) => (file === undefined ? [] : keysIn(file)));
}

function keyFileOf(configFile: string | undefined): string | undefined {
  if (configFile === undefined) return undefined;
  try {
    const { gossip } = readConfigFile(configFile).root;
    const keyFile = typeof gossip === 'object' && gossip !== null && 'keyFile' in gossip ? gossip.keyFile : undefined;
    return typeof keyFile === 'string' ? keyFile : undefined;
  } catch {
    return undefined;
  }
}

/** Also of a file that the daemon would refuse, as it is open to others or has too many. */
function keysIn(file: string): readonly Uint8Array[] {
  try {
    const lines = readFileSync(file, 'utf8').split('\n');
    return lines.flatMap((line) => parseKey(line.trim().replace(/^#\s*/, ''))?.bytes ?? []);
  } catch {
    return [];
  }
}
