/** `weft pod add`. */
import { resolve } from 'node:path';
import { InvalidArgumentError, type Command } from 'commander';
import type { Pod, PodRequest } from '../api/control-api.ts';
import { splitLabel, type PodLabels } from '../directory/pod-labels.ts';
import { DEFAULT_NAMESPACE, podTitle } from '../directory/pod-name.ts';
import type { OutputOptions } from './output.ts';

interface PodAddOptions extends OutputOptions {
  readonly namespace?: string;
  /** `false`: none from now on. */
  readonly label?: readonly string[] | false;
  readonly interface?: string;
  readonly netns?: string;
  readonly pid?: number;
  readonly new?: true;
  readonly ip?: readonly string[];
  readonly allowSource?: readonly string[];
  readonly mac?: string;
}

/** Adds the command. */
export function registerPodAdd(pod: Command): void {
  pod
    .command('add')
    .description('give a network namespace an interface in the overlay; again does no harm')
    .argument('<name>', 'name of the pod')
    .option('--netns <name|file>', 'an existing namespace: name under /run/netns, or file')
    .option('--pid <pid>', 'the namespace of a process', wholeNumber)
    .option('--new', "make a namespace of the pod's name")
    .option('--namespace <namespace>', `namespace of its name; otherwise ${DEFAULT_NAMESPACE}`)
    .option('--label <key=value...>', 'labels, in place of those it has')
    .option('--no-label', 'take all its labels')
    .option('--interface <name>', 'name of its interface; otherwise eth0')
    .option('--ip <address...>', 'addresses; otherwise the next free ones')
    .option('--allow-source <prefix...>', 'prefixes behind the pod, for which it is a router')
    .option('--mac <mac>', "MAC address of the pod's interface")
    .option('--json', 'print JSON')
    .action(async (name: string, options: PodAddOptions, command: Command) => {
      const request = podRequest(options, command);
      const [{ controlClient }, { print }] = await Promise.all([import('./daemon-socket.ts'), import('./output.ts')]);
      const pod = await controlClient(command).addPod(name, request);
      print(options, pod, () => formatAdded(pod));
    });
}

function podRequest(options: PodAddOptions, command: Command): PodRequest {
  const { netns, pid, namespace, interface: device, ip, allowSource, mac } = options;
  const labels = wantedLabels(options, command);
  const places = [netns, pid, options.new].filter((place) => place !== undefined).length;
  if (places !== 1) command.error('error: exactly one of --netns, --pid and --new is needed');
  return {
    ...(netns !== undefined && { netns: netns.includes('/') ? resolve(netns) : netns }),
    ...(pid !== undefined && { pid }),
    ...(options.new !== undefined && { newNetns: true }),
    ...(namespace !== undefined && { namespace }),
    ...(labels !== undefined && { labels }),
    ...(device !== undefined && { device }),
    ...(ip !== undefined && { addresses: ip }),
    ...(allowSource !== undefined && { allowSources: allowSource }),
    ...(mac !== undefined && { mac }),
  };
}

function wantedLabels({ label }: PodAddOptions, command: Command): PodLabels | undefined {
  if (label === undefined) return undefined;
  if (label === false) return {};
  return Object.fromEntries(
    label.map((text) => splitLabel(text) ?? command.error(`error: --label ${text}: a label is KEY=VALUE`)),
  );
}

function formatAdded({ namespace, name, addresses, allowSources, netns, notices }: Pod): string {
  const lines = notices.map(({ code, message }) => `notice ${code}: ${message}\n`);
  const router = allowSources.length === 0 ? '' : `, router of ${allowSources.join(', ')}`;
  return `pod ${podTitle(namespace, name)}: ${addresses.join(', ')} in ${netns}${router}\n${lines.join('')}`;
}

function wholeNumber(text: string): number {
  if (!/^[1-9]\d*$/.test(text)) throw new InvalidArgumentError('It is not a process id.');
  return Number(text);
}
