/** Version of weft and of the Node that it runs on. */
import { readFileSync } from 'node:fs';
import type { Version } from '../../api/control-api.ts';

let known: Version | undefined;

/** Reads the version from package.json, which lies at the same distance from the sources and from what is published. Once. */
export function readVersion(): Version {
  known ??= { version: readManifest().version, node: process.versions.node };
  return known;
}

function readManifest(): { version: string } {
  return JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as { version: string };
}
