/** The configuration file: YAML 1.2 in, plain values and the line of each key out. */
import { readFileSync } from 'node:fs';
import { LineCounter, isAlias, isMap, isNode, isScalar, isSeq, parseDocument, type Document } from 'yaml';
import { ConfigError } from '../../errors.ts';

/** Keys and indexes from the root: `['staticPeers', 0, 'mac']`. */
export type ConfigSteps = readonly (string | number)[];

/** A file that was read. */
export interface ConfigFile {
  /** Mapping at the root; empty if the file is. */
  readonly root: Readonly<Record<string, unknown>>;
  /** `weft.yaml:12` for a key, or for the nearest group around it that stands in the file. */
  origin(steps: ConfigSteps): string;
}

/** @throws ConfigError if it cannot be read, is not YAML, or is not a mapping. */
export function readConfigFile(file: string): ConfigFile {
  try {
    return parseConfigFile(file, readFileSync(file, 'utf8'));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') throw new ConfigError('', `${file}: there is no such file`, { file });
    if (code === 'EACCES' || code === 'EISDIR')
      throw new ConfigError('', `${file}: cannot be read (${code})`, { file });
    throw error;
  }
}

/** The same for text that is already there; `file` is only for messages. @throws ConfigError as above. */
export function parseConfigFile(file: string, text: string): ConfigFile {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const lineOf = (offset: number): string => `${file}:${Math.max(1, lines.linePos(offset).line)}`;
  if (document.errors.length > 0) {
    const problems = document.errors.map((error) => `${lineOf(error.pos[0])}: ${error.message}`);
    throw new ConfigError('', problems.join('\n'), { file, problems });
  }
  const root = plainValue(document, file) ?? {};
  if (typeof root !== 'object' || Array.isArray(root)) {
    throw new ConfigError('', `${file}:1: is not a mapping of keys to values`, { file });
  }
  return {
    root: root as Record<string, unknown>,
    origin: (steps) => {
      const offset = offsetOf(document, steps);
      return offset === undefined ? file : lineOf(offset);
    },
  };
}

function plainValue(document: Document, file: string): unknown {
  try {
    return document.toJS() as unknown;
  } catch (error) {
    // The parser refuses aliases that unfold to more than a person would write.
    throw new ConfigError('', `${file}: ${(error as Error).message}`, { file });
  }
}

/** Offset of the last step that exists. */
function offsetOf(document: Document, steps: ConfigSteps): number | undefined {
  let node: unknown = document.contents;
  let offset: number | undefined;
  for (const step of steps) {
    if (isAlias(node)) node = node.resolve(document);
    if (isMap(node)) {
      const pair = node.items.find((item) => isScalar(item.key) && item.key.value === step);
      if (pair === undefined) break;
      offset = isNode(pair.key) ? (pair.key.range?.[0] ?? offset) : offset;
      node = pair.value;
    } else if (isSeq(node) && typeof step === 'number') {
      node = node.items[step];
      offset = isNode(node) ? (node.range?.[0] ?? offset) : offset;
    } else {
      break;
    }
  }
  return offset;
}
