/** A file of manifests, as kubectl takes and prints them: YAML with one or several documents, or JSON. Pure. */
import { isMap, isNode, isScalar, isSeq, LineCounter, parseAllDocuments, type Document, type ScalarTag } from 'yaml';

/** Keys and indexes from an object to something in it: `['spec', 'ingress', 0]`. */
export type Steps = readonly (string | number)[];

/** An object of a file. */
export interface Manifest {
  readonly value: unknown;
  /** `web.yaml:12`, or `pods.json: items[3]`, where lines are not known: of something in it, or of the nearest that is there. */
  place(steps: Steps): string;
}

/** What cannot be read. */
export interface FileProblem {
  /** `web.yaml:3`, or the file. */
  readonly place: string;
  readonly text: string;
}

/** What is in a file, and what of it cannot be read. */
export interface ManifestFile {
  readonly manifests: readonly Manifest[];
  readonly problems: readonly FileProblem[];
}

/** Longest YAML, in characters: the parser takes a second or two and 200 MB for each million. JSON may be as long as a file may. */
export const MAX_YAML_LENGTH = 8_388_608;

/** Aliases of one document, unfolded: as many as a person would write. */
const MAX_ALIASES = 100;

/** Problems of one file that are told. */
const MAX_PROBLEMS = 20;

/** Reads the text of a file. @param file its name, for messages */
export function parseManifests(file: string, text: string): ManifestFile {
  if (/^\s*\{/.test(text)) {
    const value = parseJson(text);
    if (value !== undefined) return withItems([{ value, place: () => file }]);
  }
  if (text.length > MAX_YAML_LENGTH) {
    const problem = `is no JSON, and longer than the ${MAX_YAML_LENGTH / 1_048_576} MiB that YAML may have: give it as JSON (kubectl get -o json)`;
    return { manifests: [], problems: [{ place: file, text: problem }] };
  }
  return parseYaml(file, text);
}

/** `undefined`: it is none, or one that only YAML takes. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function parseYaml(file: string, text: string): ManifestFile {
  const lineCounter = new LineCounter();
  const documents = parseAllDocuments(text, {
    // Kubernetes reads YAML 1.1, where `yes` is true, but neither its times nor its numbers to the base of 60.
    version: '1.1',
    customTags: (tags) => tags.filter((tag) => typeof tag === 'string' || !isOfTime(tag as ScalarTag)),
    lineCounter,
    prettyErrors: false,
  });
  const lineAt = (offset: number): string => `${file}:${Math.max(1, lineCounter.linePos(offset).line)}`;
  const problems: FileProblem[] = [];
  const found: Manifest[] = [];
  for (const document of documents as readonly Document[]) {
    problems.push(...document.errors.map(({ pos, message }) => ({ place: lineAt(pos[0]), text: message })));
    const start = document.contents?.range?.[0];
    if (document.errors.length > 0 || start === undefined) continue;
    const value = plainValue(document, (text) => problems.push({ place: lineAt(start), text }));
    // Between two lines of hyphens there may be nothing.
    if (value !== undefined && value !== null)
      found.push({ value, place: (steps) => lineAt(offsetOf(document, steps) ?? start) });
  }
  return { ...withItems(found), problems: problems.slice(0, MAX_PROBLEMS) };
}

function isOfTime({ tag, format }: ScalarTag): boolean {
  return tag === 'tag:yaml.org,2002:timestamp' || format === 'TIME';
}

function plainValue(document: Document, refuse: (text: string) => void): unknown {
  try {
    return document.toJS({ maxAliasCount: MAX_ALIASES }) as unknown;
  } catch (error) {
    // Aliases that unfold to more than a person would write.
    refuse((error as Error).message);
    return undefined;
  }
}

/** Where the last step begins that is there. */
function offsetOf(document: Document, steps: Steps): number | undefined {
  let node: unknown = document.contents;
  let offset: number | undefined;
  for (const step of steps) {
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === step);
      if (pair === undefined) break;
      offset = (isNode(pair.key) ? pair.key.range?.[0] : undefined) ?? offset;
      node = pair.value;
    } else if (isSeq(node) && typeof step === 'number') {
      node = node.items[step];
      offset = (isNode(node) ? node.range?.[0] : undefined) ?? offset;
    } else break;
  }
  return offset;
}

/** With the items of each list in its place. Those of a list of one kind, as the API gives it, do not say which they are. */
function withItems(found: readonly Manifest[]): ManifestFile {
  const manifests = found.flatMap((manifest): readonly Manifest[] => {
    const { apiVersion, kind, items } = Object(manifest.value) as Record<string, unknown>;
    if (typeof kind !== 'string' || !kind.endsWith('List') || !Array.isArray(items)) return [manifest];
    const ofItems = kind === 'List' ? {} : { apiVersion, kind: kind.slice(0, -'List'.length) };
    const whole = manifest.place([]);
    return items.map((item: unknown, index) => ({
      value: typeof item === 'object' && item !== null ? { ...ofItems, ...item } : item,
      place: (steps: Steps) => {
        const place = manifest.place(['items', index, ...steps]);
        return place === whole && !/:\d+$/.test(place) ? `${place}: items[${index}]` : place;
      },
    }));
  });
  return { manifests, problems: [] };
}

/** From the object to what a problem is about, as far as its words tell: `spec.ingress[0].from: Required value`. */
export function stepsOfProblem(problem: string): Steps {
  const [, path = ''] = /^(?:unknown field ")?([A-Za-z]\w*(?:\.[A-Za-z]\w*|\[[^\]]*\])*)/.exec(problem) ?? [];
  return [...path.matchAll(/([A-Za-z]\w*)|\[([^\]]*)\]/g)].map(([, name, key = '']) => {
    return name ?? (/^\d+$/.test(key) ? Number(key) : key);
  });
}
