/** The examples of docs/api.md against a running daemon: it answers with the keys that they show, and with no others. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { TestLab } from '../support/test-lab.ts';
import { until } from '../support/until.ts';

const text = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'api.md'), 'utf8');

/** Keys of these objects are data, such as names of reasons and labels. */
const DATA_KEYS = /\.(labels|dropped|refused|details|probesRoundabout|reasons)$/;

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

let lab: TestLab;

test.before(async () => {
  lab = await TestLab.up('--nodes', '2', '--pods', '1', '--set', 'faults=on');
  await until('the pods reach each other', async () => lab.reaches('n1-p1', '10.244.2.2'));
  await lab.exec('n1-p1', 'ping', '-c', '3', '-i', '0.2', '10.244.2.2');
  // Something that is dropped, and told.
  await lab.tryExec('n1-p1', 'ping', '-c', '2', '-i', '0.2', '-W', '1', '10.244.9.9');
  await until('the other node is measured', async () => {
    const [peer] = await lab.control('n1').peers();
    return peer !== undefined && peer.path.roundTripMs !== null;
  });
});

test.after.always(async () => lab?.down());

const source = 'n1/p1';
const destination = 'n2/p1';

const asked: Readonly<Record<string, () => Promise<unknown>>> = {
  Status: async () => lab.control('n1').status(),
  Peers: async () => lab.control('n1').peers(),
  Routes: async () => lab.control('n1').routes(),
  Digest: async () => lab.control('n1').digest(),
  Events: async () => lab.control('n1').events(),
  Audit: async () => lab.control('n1').audit(),
  Pods: async () => lab.control('n1').pods(),
  Directory: async () => lab.control('n1').directory(),
  Ipam: async () => lab.control('n1').ipamStatus(),
  Leases: async () => lab.control('n1').checkLeases(false),
  Keys: async () => lab.control('n1').keys(),
  Explain: async () => lab.control('n1').explain({ source, destination }),
  Flows: async () => lab.control('n1').flows({}),
  Drops: async () => lab.control('n1').drops(),
  Doctor: async () => lab.control('n1').doctor({}),
  Matrix: async () => lab.control('n1').matrix({}),
  Trace: async () => lab.control('n1').trace({ source, destination }),
};

for (const [heading, ask] of Object.entries(asked)) {
  test.serial(`a daemon answers as the example of ${heading} has it`, async (t) => {
    const answer = JSON.parse(JSON.stringify(await ask())) as Json;
    t.deepEqual(differences(exampleOf(heading), answer, heading), []);
  });
}

test.serial('a daemon has no metric that is not documented', async (t) => {
  const names = [...(await lab.control('n1').metrics()).matchAll(/^# TYPE (\w+)/gm)].map(([, name]) => name!);
  t.true(names.length > 10);
  t.deepEqual(
    names.filter((name) => !text.includes(`\`${name}\``)),
    [],
  );
});

/** The first JSON example below a heading. */
function exampleOf(heading: string): Json {
  const section = text.slice(text.indexOf(`\n## ${heading}\n`));
  return JSON.parse(/```json\n(.*?)```/s.exec(section)![1]!) as Json;
}

/** Keys that only one of the two has, and values of two kinds. Where one is `null` or an empty list, nothing is known. */
function differences(example: Json, answer: Json, path: string): string[] {
  if (example === null || answer === null) return [];
  if (isList(example) && isList(answer)) {
    if (example.length === 0) return [];
    const shapes = example.map((one) => answer.map((other) => differences(one, other, `${path}[]`)));
    // An answer is right if it is as one of the examples.
    return answer.flatMap(
      (_other, at) => shapes.map((shape) => shape[at]!).toSorted((a, b) => a.length - b.length)[0]!,
    );
  }
  if (isObject(example) && isObject(answer)) {
    if (DATA_KEYS.test(path)) return [];
    const [shown, given] = [Object.keys(example), Object.keys(answer)];
    return [
      ...shown.filter((key) => !given.includes(key)).map((key) => `${path}.${key} is not answered`),
      ...given.filter((key) => !shown.includes(key)).map((key) => `${path}.${key} is not documented`),
      ...shown
        .filter((key) => given.includes(key))
        .flatMap((key) => differences(example[key]!, answer[key]!, `${path}.${key}`)),
    ];
  }
  return typeof example === typeof answer && isList(example) === isList(answer) ? [] : [`${path} is of another kind`];
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}

function isObject(value: Json): value is { readonly [key: string]: Json } {
  return typeof value === 'object' && value !== null && !isList(value);
}
