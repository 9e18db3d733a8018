/** Pages of the documentation, and the links between them: each leads somewhere, and the index names every page. */
import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';
import test from 'ava';

const ROOT = join(import.meta.dirname, '..', '..');

/** Longest that the README may get: who reads it wants to begin. */
const MAX_README_BYTES = 12_000;

const docs = readdirSync(join(ROOT, 'docs')).filter((file) => file.endsWith('.md'));
const pages = ['README.md', 'src/README.md', ...docs.map((file) => `docs/${file}`)];

for (const page of pages) {
  test(`every link of ${page} leads to a file, and to a heading in it`, (t) => {
    const broken = linksIn(page).filter((target) => !leadsSomewhere(page, target));
    t.deepEqual(broken, []);
  });
}

test('the index names every page', (t) => {
  const named = linksIn('docs/README.md').map((target) => target.split('#')[0]!);
  t.deepEqual(
    docs.filter((file) => file !== 'README.md' && !named.includes(file)),
    [],
  );
});

test(`the README has at most ${MAX_README_BYTES} bytes`, (t) => {
  const { size } = statSync(join(ROOT, 'README.md'));
  t.true(size <= MAX_README_BYTES, `${size}`);
});

/** Targets of the links of a page, but for those that lead out of the repository. */
function linksIn(page: string): string[] {
  const text = withoutCode(readFileSync(join(ROOT, page), 'utf8')).replaceAll(/`[^`\n]*`/g, '');
  return [...text.matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target]) => target!)
    .filter((target) => !target.includes('://'));
}

function leadsSomewhere(page: string, target: string): boolean {
  const [path = '', anchor] = target.split('#');
  const file = path === '' ? page : normalize(join(dirname(page), path));
  if (relative(ROOT, join(ROOT, file)).startsWith('..') || !existsSync(join(ROOT, file))) return false;
  return anchor === undefined || anchorsOf(file).includes(anchor);
}

/** Names of the headings of a page, as they are made for links to them. */
function anchorsOf(file: string): string[] {
  const text = withoutCode(readFileSync(join(ROOT, file), 'utf8'));
  const seen = new Map<string, number>();
  return [...text.matchAll(/^#+ +(.+)$/gm)].map(([, heading]) => {
    const name = heading!
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-');
    const count = seen.get(name) ?? 0;
    seen.set(name, count + 1);
    return count === 0 ? name : `${name}-${count}`;
  });
}

function withoutCode(text: string): string {
  return text.replaceAll(/^```[\s\S]*?^```/gm, '');
}
