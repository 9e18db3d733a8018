/** `weft policy show`. */
import type { Command } from 'commander';
import type { OutputOptions } from './output.ts';

const HELP = `
A NetworkPolicy is written NAMESPACE/NAME, a ClusterNetworkPolicy by its name.
Rules that pods are judged by, and that never matched, stand out.`;

/** Adds `show` to `policy`. */
export function addPolicyShow(policy: Command): void {
  policy
    .command('show')
    .description('show one policy: each rule with what it means, and how often and when it was used')
    .argument('<policy>', 'shop/web, or the name of a ClusterNetworkPolicy')
    .option('--json', 'print JSON')
    .addHelpText('after', HELP)
    .action(async (title: string, options: OutputOptions, command: Command) => {
      const [{ readingClient }, { findPolicy }, { detailPolicy }, { print }, { standardOutput }, view] =
        await Promise.all([
          import('./daemon-socket.ts'),
          import('./policy-listing.ts'),
          import('./policy-detail.ts'),
          import('./output.ts'),
          import('../terminal/terminal.ts'),
          import('./policy-show-view.ts'),
        ]);
      const client = readingClient(command);
      const report = await client.policies();
      findPolicy(report, title);
      const detail = detailPolicy(report, await client.policyRules(title), title);
      print(options, detail, () => view.formatPolicyDetail(detail, standardOutput(), Date.now()));
    });
}
