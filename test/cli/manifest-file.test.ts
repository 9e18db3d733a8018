import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import test from 'ava';
import { MAX_YAML_LENGTH, parseManifests, stepsOfProblem } from '../../src/cli/manifest-file.ts';
import { readManifests } from '../../src/cli/manifest-files.ts';

const directory = mkdtempSync(join(tmpdir(), 'weft-manifests-'));
test.after.always(() => rmSync(directory, { recursive: true }));

const values = (text: string) => parseManifests('f', text).manifests.map(({ value }) => value);
const problems = (text: string) => parseManifests('f', text).problems.map(({ place, text }) => `${place}: ${text}`);

test('YAML has several documents, of which some are empty', (t) => {
  t.deepEqual(values('---\n# nothing\n---\na: 1\n---\n---\nb: 2\n'), [{ a: 1 }, { b: 2 }]);
  t.deepEqual(values(''), []);
});

test('JSON is read, also where it is YAML', (t) => {
  t.deepEqual(values('\n{"a": {"b": [1]}}'), [{ a: { b: [1] } }]);
  t.deepEqual(values('{a: 1}\n---\n{"b": 2}'), [{ a: 1 }, { b: 2 }]);
});

test('YAML is read as Kubernetes does: yes is true, while times and 22:22 are text', (t) => {
  t.deepEqual(values('a: yes\nb: 22:22\nc: 2026-01-03T04:05:06Z\nd: &x {e: 1}\nf:\n  <<: *x\n'), [
    { a: true, b: '22:22', c: '2026-01-03T04:05:06Z', d: { e: 1 }, f: { e: 1 } },
  ]);
});

test('what is wrong has its line', (t) => {
  t.regex(problems('a: 1\nb: [\n')[0]!, /^f:3: Flow sequence/);
  t.regex(problems('a: 1\n---\na: 1\na: 2\n')[0]!, /^f:4: Map keys must be unique/);
  t.regex(problems(`{"a": ${'['.repeat(50_000)}`)[0]!, /^f:1: Maximum call stack/);
});

test('a document in order is read beside one that is not', (t) => {
  const { manifests, problems } = parseManifests('f', 'a: 1\n---\nb: [\n---\nc: 1\n');
  t.deepEqual(manifests[0]?.value, { a: 1 });
  t.true(problems.length > 0);
});

test('aliases that unfold without end are refused', (t) => {
  const levels = Array.from({ length: 9 }, (_, at) => {
    const aliases = at === 0 ? '1' : Array.from({ length: 9 }, () => `*a${at - 1}`).join(', ');
    return `a${at}: &a${at} [${aliases}]\n`;
  });
  t.regex(problems(levels.join(''))[0]!, /^f:1: Excessive alias count/);
});

test('YAML beyond its length is refused, and JSON is not', (t) => {
  const long = 'x'.repeat(MAX_YAML_LENGTH);
  t.deepEqual(problems(`a: ${long}`), [
    'f: is no JSON, and longer than the 8 MiB that YAML may have: give it as JSON (kubectl get -o json)',
  ]);
  t.deepEqual(problems(`{"a": "${long}"}`), []);
});

test('the items of lists are objects; those of a list of one kind are of that', (t) => {
  t.deepEqual(values('kind: List\napiVersion: v1\nitems:\n- kind: Pod\n- 1\n'), [{ kind: 'Pod' }, 1]);
  t.deepEqual(values('{"kind": "PodList", "apiVersion": "v1", "items": [{"metadata": {}}, {"kind": "X"}]}'), [
    { apiVersion: 'v1', kind: 'Pod', metadata: {} },
    { apiVersion: 'v1', kind: 'X' },
  ]);
});

test('a place is the line of what is meant, or of the nearest that is there', (t) => {
  const [first, second] = parseManifests('f', 'kind: List\nitems:\n- a:\n    b: 1\n- a:\n  - b: 2\n').manifests;
  t.deepEqual(
    [[], ['a'], ['a', 'b'], ['a', 'none', 'b']].map((steps) => first!.place(steps)),
    ['f:3', 'f:3', 'f:4', 'f:3'],
  );
  t.is(second!.place(['a', 0, 'b']), 'f:6');
});

test('of JSON, a place is the item', (t) => {
  const [one] = parseManifests('f', '{"a": 1}').manifests;
  t.is(one!.place(['a']), 'f');
  const [, item] = parseManifests('f', '{"kind": "List", "items": [{}, {}]}').manifests;
  t.is(item!.place(['a']), 'f: items[1]');
});

test('words of a problem lead to its place', (t) => {
  t.deepEqual(stepsOfProblem('spec.ingress[0].from[12]: Required value'), ['spec', 'ingress', 0, 'from', 12]);
  t.deepEqual(stepsOfProblem('unknown field "spec.ingres"'), ['spec', 'ingres']);
  const annotation = 'metadata.annotations[weft.dev/policy-mode]: Unsupported value: "x"';
  t.deepEqual(stepsOfProblem(annotation), ['metadata', 'annotations', 'weft.dev/policy-mode']);
});

test('of directories, manifests are read, in order, and once', (t) => {
  const root = join(directory, 'tree');
  mkdirSync(join(root, 'b', 'c'), { recursive: true });
  for (const file of ['z.yaml', 'a.yml', 'b/c/d.json', 'b/README.md', 'b/x.yaml.orig'])
    writeFileSync(join(root, file), '{"a": 1}');
  symlinkSync(root, join(root, 'b', 'circle.yaml'));
  symlinkSync(join(root, 'z.yaml'), join(root, 'b', 'link.yaml'));
  const { files, problems } = readManifests([root, join(root, 'z.yaml')]);
  t.deepEqual(
    files.map((file) => relative(root, file)),
    ['a.yml', 'b/c/d.json', 'b/link.yaml', 'z.yaml'],
  );
  t.deepEqual(problems, []);
});

test('a file that is named is read whatever it is called; what is not there is told', (t) => {
  const file = join(directory, 'pods');
  writeFileSync(file, 'a: 1');
  const none = join(directory, 'none');
  const { manifests, problems } = readManifests([file, none]);
  t.is(manifests.length, 1);
  t.deepEqual(problems, [{ place: none, text: 'there is no such file' }]);
});

test('directories within each other have an end', (t) => {
  const path = join(directory, 'deep', ...Array.from({ length: 40 }, () => 'd'));
  mkdirSync(path, { recursive: true });
  const { problems } = readManifests([join(directory, 'deep')]);
  t.deepEqual(
    problems.map(({ text }) => text),
    ['more than 32 directories within each other'],
  );
});

test('all files together have a length', (t) => {
  const root = join(directory, 'long');
  mkdirSync(root);
  for (const name of ['a', 'b', 'c']) writeFileSync(join(root, `${name}.json`), JSON.stringify('x'.repeat(600_000)));
  const { files, manifests, problems } = readManifests([root], 1_048_576);
  t.is(files.length, 3);
  t.is(manifests.length, 1);
  t.deepEqual(problems, [{ place: join(root, 'b.json'), text: 'all files together have more than 1 MiB: name fewer' }]);
  t.is(readManifests([root], 2_097_152).manifests.length, 3);
});
