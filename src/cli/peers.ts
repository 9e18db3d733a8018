/** `weft peers`. */
import type { Command } from 'commander';
import type { Peer, PeerPath } from '../api/control-api.ts';
import { formatRoundTrip } from './duration.ts';
import { WATCH_HELP, type WatchOptions } from './watch.ts';
import { formatTable, toned, wrap } from '../terminal/table.ts';
import type { Terminal, Tone } from '../terminal/terminal.ts';

const columns = [
  { title: 'NAME', wraps: true },
  { title: 'STATE' },
  { title: 'ENDPOINT', wraps: true },
  { title: 'PREFIXES', wraps: true },
  { title: 'PATH MTU', align: 'right' },
  { title: 'RTT', align: 'right' },
  { title: 'LOSS OUT/IN', align: 'right' },
] as const;

/** Adds the command. */
export function registerPeers(program: Command): void {
  program
    .command('peers')
    .description('show the other nodes and static peers')
    .option('--watch', WATCH_HELP)
    .option('--json', 'print JSON')
    .action(async (options: WatchOptions, command: Command) => {
      const [{ readingClient }, { printOrWatch }] = await Promise.all([
        import('./daemon-socket.ts'),
        import('./watch.ts'),
      ]);
      const client = readingClient(command);
      await printOrWatch(options, async () => await client.peers(), formatPeers);
    });
}

/** A row for each peer, and below them who is not reached straight, and what of their claims is not in use, and why. */
export function formatPeers(peers: readonly Peer[], terminal: Terminal): string {
  if (peers.length === 0) return 'no peers\n';
  const rows = peers.map(({ name, state, endpoint, prefixes, path }) => [
    name,
    toned(state, STATE_TONES[state]),
    endpoint,
    prefixes,
    path.mtuBytes,
    path.roundTripMs === null ? '' : formatRoundTrip(path.roundTripMs.smoothed),
    toned(formatLoss(path), toneOfLoss(path)),
  ]);
  const relayed = peers.flatMap(({ name, relay, directPath }) =>
    directPath === null
      ? []
      : [`${name} is reached through ${relay}; the direct path: ${formatDirectPath(directPath)}`],
  );
  const refusals = peers.flatMap(({ name, refusals }) => refusals.map((refusal) => `${name}: ${refusal}`));
  const notes = [...relayed, ...refusals.map((text) => `refused ${text}`)];
  const lines = notes.flatMap((text) => wrap(text, terminal.widthColumns ?? Infinity));
  return formatTable(columns, rows, terminal) + lines.map((line) => `${line}\n`).join('');
}

const STATE_TONES: Readonly<Record<string, Tone | undefined>> = {
  alive: 'good',
  suspect: 'warning',
  dead: 'bad',
  left: 'faint',
};

function toneOfLoss({ lossRatio, lossOutRatio, lossInRatio }: PeerPath): Tone | undefined {
  const worst = Math.max(lossRatio ?? 0, lossOutRatio ?? 0, lossInRatio ?? 0);
  // What is shown as 0% is nothing to look at.
  return worst >= 1 ? 'bad' : worst >= 0.005 ? 'warning' : undefined;
}

/** In both directions where that is known, otherwise together. */
function formatLoss({ lossRatio, lossOutRatio, lossInRatio }: PeerPath): string {
  if (lossRatio === null) return '';
  if (lossOutRatio === null) return formatShare(lossRatio);
  return `${formatShare(lossOutRatio)}/${lossInRatio === null ? '?' : formatShare(lossInRatio)}`;
}

function formatDirectPath(path: PeerPath): string {
  if (path.roundTripMs === null) return 'never answered';
  return path.lossRatio === null ? 'not probed within the last four minutes' : `loss ${formatLoss(path)}`;
}

function formatShare(ratio: number): string {
  return `${Math.round(ratio * 100)}%`;
}
