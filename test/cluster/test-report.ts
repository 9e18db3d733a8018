/** What became of Kubernetes' tests, from the report that they leave in JUnit's format. Pure. */

/** A test. */
export interface TestCase {
  /** Without what kind of node it is: `[sig-network] DNS should provide DNS for the cluster [Conformance]`. */
  readonly name: string;
  /** `not-chosen`: nobody wanted it to run. `skipped`: it looked at the cluster, and did not want to. */
  readonly outcome: 'passed' | 'failed' | 'skipped' | 'not-chosen';
  /** What it said, if it failed or was skipped. */
  readonly said: string;
  readonly seconds: number;
}

const CASE = /<testcase ([^>]*?)(?:\/>|>(.*?)<\/testcase>)/gs;

/** Only of tests, which a report has beside what was done before and after all of them. */
const KIND = '[It] ';

/** @throws Error if there is no test in it. */
export function readTestReport(xml: string): TestCase[] {
  const cases = [...xml.matchAll(CASE)].flatMap(([, attributes = '', content = '']) => {
    const name = attribute(attributes, 'name');
    if (!name.startsWith(KIND)) return [];
    return [
      {
        name: name.slice(KIND.length),
        seconds: Number(attribute(attributes, 'time')),
        ...outcomeOf(attribute(attributes, 'status'), content),
      },
    ];
  });
  if (cases.length === 0) throw new Error('there is no test in this report');
  return cases;
}

function outcomeOf(status: string, content: string): Pick<TestCase, 'outcome' | 'said'> {
  if (status === 'passed') return { outcome: 'passed', said: '' };
  const [, skipped] = /<skipped message="([^"]*)"/.exec(content) ?? [];
  if (status === 'skipped' || status === 'pending') {
    // It says "skipped" alone where it was left out by its name.
    const said = unescaped(skipped ?? '').replace(/^skipped(?: - )?/, '');
    return { outcome: said === '' ? 'not-chosen' : 'skipped', said };
  }
  const [, failure = ''] = /<(?:failure|error)[^>]*>(.*?)<\/(?:failure|error)>/s.exec(content) ?? [];
  return { outcome: 'failed', said: unescaped(failure).trim() || status };
}

function attribute(attributes: string, name: string): string {
  const [, value = ''] = new RegExp(String.raw`(?:^|\s)${name}="([^"]*)"`).exec(attributes) ?? [];
  return unescaped(value);
}

const ENTITIES: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" };

/** Text of XML, without its entities. */
export function unescaped(text: string): string {
  return text.replaceAll(
    /&(?:#x([\da-f]+)|#(\d+)|(\w+));/gi,
    (whole, hex?: string, decimal?: string, name?: string) => {
      if (hex !== undefined) return String.fromCodePoint(Number.parseInt(hex, 16));
      if (decimal !== undefined) return String.fromCodePoint(Number(decimal));
      return ENTITIES[name ?? ''] ?? whole;
    },
  );
}
