/** `docs/drop-reasons.md`, made from the closed list: `scripts/document` writes it, and a test compares. Pure. */
import { type DropReasonEntry, dropReasons } from '../dataplane/drop-reason.ts';
import { type KernelDropReason, kernelDropReasons } from '../dataplane/kernel-drop-reasons.ts';

const HEAD = `<!-- Made by scripts/document from the lists in src/dataplane: change them, and not this file. -->

# Drop reasons

Why a packet went nowhere: one closed list, without an "other". Each reason is a counter of \`weft status\` and \`weft drops\`, a
label value of the metric \`weft_dropped_packets_total\`, and a word in captures, traces and explanations. Names are stable: they
may be added, never renamed. \`weft explain drop REASON\` prints what stands here, without a daemon.

What is counted are inner IP packets, after segmentation. A name belongs to one direction, so that for each direction, worker and
peer: received + originated = sent + delivered + relayed + dropped + queued.
`;

const KERNEL_HEAD = `## Of pods, by the kernel

Rules of nftables that weft makes (tables \`inet weft-pods\`, \`arp weft-pods\` and \`inet weft-policy\`) drop these outside of the dataplane, also while
no daemon runs. \`weft drops\` counts spoofed packets by pod, and packets that policies denied by rule. \`weft status\` and the metric
\`weft_kernel_refused_packets_total\` have the sum of each. These counts are not in the accounts of packets; a super-packet counts as one.
`;

const sections = [
  { direction: 'egress', title: 'From pods to peers (egress)' },
  { direction: 'ingress', title: 'From peers to pods, or to another peer (ingress)' },
] as const;

/** The document: a section for each direction, and a heading for each reason. */
export function dropReasonsDocument(): string {
  const parts = sections.map(({ direction, title }) => {
    const entries = dropReasons.filter((entry) => entry.direction === direction);
    return [`\n## ${title}\n`, ...entries.map(section)].join('\n');
  });
  return [HEAD, ...parts, `\n${KERNEL_HEAD}`, ...kernelDropReasons.map((entry) => `\n${section(entry)}`)].join('');
}

function section({ name, meaning, cause, remedy }: DropReasonEntry | KernelDropReason): string {
  return `### ${name}\n\n${sentence(meaning)}\n\n- Likely cause: ${cause}.\n- What to do: ${remedy}.\n`;
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}
