/** `weft cni install` and `uninstall`, with a daemon that comes and goes and containers that use what is installed. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import type { InstalledFile } from '../../src/cni/installation.ts';
import { PLUGIN_MARK } from '../../src/cni/plugin-file.ts';
import { CniRuntime } from '../support/cni-runtime.ts';
import { runProgram, type ProgramResult } from '../support/program.ts';
import { TestLab, weft } from '../support/test-lab.ts';

const main = fileURLToPath(new URL('../../src/cni/main.ts', import.meta.url));

/** What `--json` prints. */
interface Report {
  readonly files: readonly InstalledFile[];
  readonly attached?: number;
}

let lab: TestLab;
let runtime: CniRuntime;
let directory: string;
let conflist: string;

test.before(async () => {
  directory = mkdtempSync(join(tmpdir(), `weft-cni-install-${process.pid}-`));
  conflist = join(directory, 'net.d', '10-weft.conflist');
  lab = await TestLab.up('--nodes', '1', '--pods', '0');
  runtime = new CniRuntime(lab, 'n1');
  rmSync(join(runtime.binDirectory, 'weft-cni'));
  writePlugin('1');
});

test.after.always(async () => {
  await runtime?.remove();
  await lab?.down();
  rmSync(directory, { recursive: true, force: true });
});

/** As `npm run build:cni` makes it, but for the Node in it. */
function writePlugin(version: string): void {
  const script = `#!/bin/sh\n# ${PLUGIN_MARK}, ${version}\nexec ${process.execPath} ${main} "$@"\n`;
  writeFileSync(join(directory, 'plugin'), script);
}

async function cni(verb: string, ...options: string[]): Promise<ProgramResult> {
  const places = ['--bin-dir', runtime.binDirectory, '--conf-dir', join(directory, 'net.d')];
  const argv = [...weft, '--socket', lab.files('n1').socket, 'cni', verb, ...places, ...options];
  return await runProgram(argv);
}

async function install(...options: string[]): Promise<ProgramResult> {
  return await cni('install', '--plugin', join(directory, 'plugin'), ...options);
}

/** The network as the runtime gives it to the plugin. */
function conf(): object {
  const { name, cniVersion, plugins } = JSON.parse(readFileSync(conflist, 'utf8')) as {
    name: string;
    cniVersion: string;
    plugins: object[];
  };
  return { ...plugins[0], name, cniVersion };
}

const outcomes = ({ files }: Report): string[] => files.map(({ outcome }) => outcome);

test.serial('what is given by a wrong name is said to be so', async (t) => {
  const missing = await cni('install', '--plugin', join(directory, 'none'));
  t.is(missing.exitCode, 1);
  t.regex(missing.stderr, /the plugin .*none cannot be read: .*npm run build:cni makes it/);
  t.regex((await cni('install', '--plugin', '/usr/bin/env')).stderr, /it is not the plugin of weft/);
  const conflict = await install('--conf', join(directory, 'none'));
  t.is(conflict.exitCode, 2);
  t.regex(conflict.stderr, /^weft: --conf: .*none cannot be read/);
});

test.serial('the network is there when the daemon is, for which one can wait', async (t) => {
  await lab.lab('stop', 'n1');
  const early = await install();
  t.is(early.exitCode, 1);
  t.regex(early.stderr, /the plugin is in .*, but no network that uses it, .*: no daemon at /);
  t.true(existsSync(join(runtime.binDirectory, 'weft-cni')));
  t.false(existsSync(conflist));
  const [waiting] = await Promise.all([install('--wait', '60s', '--json'), lab.lab('start', 'n1')]);
  t.deepEqual(outcomes(JSON.parse(waiting.succeeded()) as Report), ['unchanged', 'written']);
});

test.serial('containers are attached and deleted while the plugin is exchanged', async (t) => {
  const containers = ['x1', 'x2'];
  await runtime.make(...containers);
  const over = new AbortController();
  const exchange = async (): Promise<void> => {
    for (let rounds = 0; rounds === 0 || !over.signal.aborted; rounds++) {
      writePlugin(`exchanged ${rounds}`);
      t.deepEqual(outcomes(JSON.parse((await install('--json')).succeeded()) as Report), ['written', 'unchanged']);
    }
  };
  const use = async (): Promise<void> => {
    for (const container of containers) {
      await runtime.add({ container, conf: conf() });
      await runtime.run('DEL', { container, conf: conf() });
    }
  };
  await Promise.all([exchange(), use().finally(() => over.abort())]);
  t.deepEqual(await lab.control('n1').attachments(), []);
  for (const container of containers) await runtime.end(container);
});

test.serial(
  'a container that is attached can still be deleted after uninstall, and then the plugin goes',
  async (t) => {
    await runtime.make('last');
    const network = conf();
    await runtime.add({ container: 'last', conf: network });
    const first = JSON.parse((await cni('uninstall', '--json')).succeeded()) as Report;
    t.deepEqual([...outcomes(first), first.attached], ['removed', 'kept', 1]);
    t.false(existsSync(conflist));
    await runtime.run('DEL', { container: 'last', conf: network });
    const text = (await cni('uninstall')).succeeded();
    t.regex(text, /weft-cni: removed\ninterfaces that are attached through CNI: 0\n$/);
    t.false(existsSync(join(runtime.binDirectory, 'weft-cni')));
    await runtime.end('last');
  },
);
