/** `weft policy list`. */
import type { Command } from 'commander';
import type { OutputOptions } from './output.ts';

interface ListOptions extends OutputOptions {
  readonly namespace?: readonly string[];
}

/** Adds `list` to `policy`. */
export function addPolicyList(policy: Command): void {
  policy
    .command('list')
    .description('show all policies: whom they select, and what they allowed and denied at all nodes')
    .option('--namespace <name...>', 'only policies of these namespaces')
    .option('--json', 'print JSON')
    .action(async ({ namespace, ...options }: ListOptions, command: Command) => {
      const [{ readingClient }, { listPolicies }, { print }, { standardOutput }, { formatPolicyList }] =
        await Promise.all([
          import('./daemon-socket.ts'),
          import('./policy-listing.ts'),
          import('./output.ts'),
          import('../terminal/terminal.ts'),
          import('./policy-list-view.ts'),
        ]);
      const client = readingClient(command);
      const [report, counts] = await Promise.all([client.policies(), client.policyCounts()]);
      const listing = listPolicies(report, counts, namespace);
      print(options, listing, () => formatPolicyList(listing, standardOutput(), Date.now(), namespace));
    });
}
