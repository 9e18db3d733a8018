/** The image of pods of foreign tests of network policies: agnhost for its servers, and what asks them, `programs/probe`. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, renameSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { writeImageArchive } from '../support/image-archive.ts';
import { probeProgram } from './policy-programs.ts';
import { agnhostProgram, type Progress } from './programs.ts';

/** As cyclonus and network-policy-api name it. */
const NAMES = ['docker.io/mfenwick100/cyclonus-worker:latest', 'registry.k8s.io/e2e-test-images/agnhost:2.45'] as const;

/** The archive, which is made unless it is there. */
export async function policyImage(progress: Progress): Promise<string> {
  const files = {
    '/agnhost': await probeProgram(),
    '/agnhost-2': await agnhostProgram(progress),
  };
  // The paths of programs change with what they are made of.
  const recipe = createHash('sha256')
    .update(JSON.stringify([NAMES, files]))
    .digest('hex')
    .slice(0, 8);
  const file = join(dirname(files['/agnhost-2']), 'images', `policies-${recipe}.tar`);
  if (existsSync(file)) return file;
  mkdirSync(dirname(file), { recursive: true });
  const draft = `${file}-${process.pid}`;
  const [name, ...otherNames] = NAMES;
  await writeImageArchive(draft, {
    name,
    otherNames,
    files,
    links: { '/worker': 'agnhost', '/bin/bash': '../agnhost' },
    directories: ['tmp'],
    entrypoint: ['/agnhost'],
    command: ['pause'],
  });
  renameSync(draft, file);
  return file;
}
