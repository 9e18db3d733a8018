/** Images for containers, made from files that are here: no registry is asked. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { runProgram } from './program.ts';

/** What an image is made of. */
export interface ImageContent {
  /** Name and tag: `localhost/weft-test:1`. A tag `latest` would be looked for in a registry. */
  readonly name: string;
  /** Further names of the same image. */
  readonly otherNames?: readonly string[];
  /** Archives (tar) of whole trees, the lowest first, under what follows. */
  readonly layers?: readonly string[];
  /** Directories whose content is the image's, each a layer above those. */
  readonly trees?: readonly string[];
  /** Path in the image -> file here. Directories on the way are made; everybody may run what is there. */
  readonly files?: Readonly<Record<string, string>>;
  /** Path in the image -> what the symbolic link leads to. */
  readonly links?: Readonly<Record<string, string>>;
  /** Path in the image -> content of a small file. */
  readonly texts?: Readonly<Record<string, string>>;
  readonly directories?: readonly string[];
  readonly entrypoint?: readonly string[];
  readonly command?: readonly string[];
  /** Of the environment; `/bin` unless it is said. */
  readonly path?: string;
}

/** Writes an image as an archive, as `docker save` would, to `file`, whose directory is there. */
export async function writeImageArchive(file: string, content: ImageContent): Promise<void> {
  const work = await mkdtemp(`${file}-`);
  try {
    const top = await layerOf(content, work);
    const trees = (content.trees ?? []).map((tree, at) => ({ tree, layer: join(work, `tree-${at}.tar`) }));
    for (const { tree, layer } of trees) await pack(tree, layer);
    const layers = [...(content.layers ?? []), ...trees.map(({ layer }) => layer), ...(top === undefined ? [] : [top])];
    const digests = await Promise.all(layers.map(digestOf));
    const archive = join(work, 'archive');
    await mkdir(archive);
    const names = digests.map((digest) => `${digest}.tar`);
    for (const [at, layer] of layers.entries()) await cp(layer, join(archive, names[at]!));
    const config = {
      architecture: process.arch === 'x64' ? 'amd64' : process.arch,
      os: 'linux',
      config: {
        Env: [`PATH=${content.path ?? '/bin'}`],
        ...(content.entrypoint && { Entrypoint: content.entrypoint }),
        ...(content.command && { Cmd: content.command }),
      },
      rootfs: { type: 'layers', diff_ids: digests.map((digest) => `sha256:${digest}`) },
    };
    await writeFile(join(archive, 'config.json'), JSON.stringify(config));
    const manifest = [
      { Config: 'config.json', RepoTags: [content.name, ...(content.otherNames ?? [])], Layers: names },
    ];
    await writeFile(join(archive, 'manifest.json'), JSON.stringify(manifest));
    await pack(archive, file);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** @returns the path of an archive of all that is said file by file; `undefined` if there is nothing of the kind. */
async function layerOf(content: ImageContent, work: string): Promise<string | undefined> {
  const { files = {}, links = {}, texts = {}, directories = [] } = content;
  const root = join(work, 'root');
  const place = async (path: string): Promise<string> => {
    const target = join(root, path);
    await mkdir(dirname(target), { recursive: true });
    return target;
  };
  await mkdir(root);
  for (const path of directories) await mkdir(join(root, path), { recursive: true });
  for (const [path, source] of Object.entries(files)) await cp(source, await place(path), { dereference: true });
  for (const [path, target] of Object.entries(links)) await symlink(target, await place(path));
  for (const [path, text] of Object.entries(texts)) await writeFile(await place(path), text);
  if ([files, links, texts].every((all) => Object.keys(all).length === 0) && directories.length === 0) return undefined;
  const layer = join(work, 'layer.tar');
  await pack(root, layer, '--mode=a+rX');
  return layer;
}

async function digestOf(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  return hash.digest('hex');
}

async function pack(directory: string, file: string, ...options: readonly string[]): Promise<void> {
  const owner = ['--owner=0', '--group=0', '--numeric-owner', ...options];
  (await runProgram(['tar', ...owner, '-C', directory, '-cf', file, '.'])).succeeded();
}
