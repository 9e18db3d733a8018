/** What is compared: something at work, and the same without it. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { CaptureClient } from '../../src/client/capture-client.ts';
import type { ControlClient } from '../../src/client/control-client.ts';
import { Program } from '../program.ts';
import { connectWeftPod, startWeftDaemon, type WeftDaemon } from '../rivals/weft.ts';
import { Site } from '../site.ts';

const root = join(import.meta.dirname, '../..');

/** A site whose two daemons are up, with routes to each other. */
export interface WeftSite {
  readonly site: Site;
  readonly daemons: readonly [WeftDaemon, WeftDaemon];
}

/** Two sites that are compared: without something, and with it. */
export interface Variants {
  readonly plain: WeftSite;
  readonly probed: WeftSite;
}

/** Something that can be switched on and off while there is traffic. */
export interface Switch {
  readonly on: WeftSite;
  /** Gives what turns it off again. */
  turnOn(): Promise<() => Promise<void>>;
}

/** Makes the two sides; what they need is removed with `cleanUp`. */
export type MakeVariants = (directory: string, cleanUp: AsyncDisposableStack) => Promise<Variants>;

/** An address of TEST-NET-1 (RFC 5737), which nobody has. */
const MATCHES_NOTHING = 'host 192.0.2.1';

/** A capture on both nodes whose filter matches nothing. */
export async function filterSwitch(directory: string, cleanUp: AsyncDisposableStack): Promise<Switch> {
  const on = await bringUp('taps', directory, cleanUp, {});
  return { on, turnOn: async () => capture(on.daemons, on.daemons, [MATCHES_NOTHING]) };
}

/** The flight recorder, which the other site is started without. */
export const withRecorder: MakeVariants = async (directory, cleanUp) => ({
  plain: await bringUp('plain', directory, cleanUp, { recorder: { size: 0 } }),
  probed: await bringUp('recorder', directory, cleanUp, {}),
});

/** Begins a capture at each of `at`, into nothing; then `captured` are captured. Gives what ends it. */
export async function capture(
  at: readonly WeftDaemon[],
  captured: readonly WeftDaemon[],
  options: readonly string[],
): Promise<() => Promise<void>> {
  const programs = at.map(({ node, control }) => {
    const argv = [process.execPath, join(root, 'src/cli/main.ts'), '--socket', control.socketPath, 'capture'];
    return new Program([...argv, ...options, '-w', '/dev/null'], node.netns);
  });
  const stop = async (): Promise<void> => void (await Promise.all(programs.map(async (program) => program.stop())));
  try {
    for (const program of programs) {
      for (const { control } of captured) await program.until('begin', async () => isCapturing(control));
    }
  } catch (error) {
    await stop();
    throw error;
  }
  return stop;
}

async function isCapturing({ socketPath }: ControlClient): Promise<boolean> {
  return (await new CaptureClient(socketPath).overview()).captures.length > 0;
}

/** A site with weft on both nodes. @param config on top of what every node needs. */
export async function bringUp(
  name: string,
  directory: string,
  cleanUp: AsyncDisposableStack,
  config: { readonly [key: string]: unknown },
): Promise<WeftSite> {
  const site = new Site(name);
  cleanUp.defer(async () => site.remove());
  await site.create();
  const home = join(directory, name);
  mkdirSync(home);
  const [a, b] = [
    startWeftDaemon(site.a, home, { gossip: { seeds: [site.b.underlayAddress] }, ...config }),
    startWeftDaemon(site.b, home, { gossip: { seeds: [site.a.underlayAddress] }, ...config }),
  ];
  cleanUp.defer(async () => void (await Promise.all([a.program.stop(), b.program.stop()])));
  for (const daemon of [a, b]) await connectWeftPod(daemon);
  for (const { program, control } of [a, b])
    await program.until('learn two routes', async () => (await control.status()).routes >= 2);
  return { site, daemons: [a, b] };
}
