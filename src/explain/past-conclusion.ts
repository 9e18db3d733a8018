/** What became of packets at a moment in the past, concluded from what each node recorded of them. Pure. */
import type { PastNode } from './explanation.ts';

/** In one line: `3 there, nothing back: lost beyond n3`. @param nodes those of the way there, the source's first. @param from ISO 8601. */
export function concludePast(nodes: readonly PastNode[], from: string): string {
  const [first, last] = [nodes[0], nodes.at(-1)];
  if (first === undefined || last === undefined) return 'nothing is known of it';
  const drop = nodes
    .flatMap((past) => past.seen.map((seen) => ({ ...seen, node: past.node })))
    .find(({ hook }) => hook === 'drop');
  const sent = count(first, 'there', 'to-underlay');
  const got = count(last, 'there', 'to-pod');
  const answered = count(last, 'back', 'to-underlay');
  const back = count(first, 'back', 'to-pod');
  const there = Math.max(sent, got, drop?.way === 'there' ? drop.packets : 0);
  if (drop !== undefined) {
    const way = drop.way === 'there' ? 'there' : 'back';
    // The kernel tells some of many that policies deny.
    const packets = drop.rule === '' ? drop.packets : `at least ${drop.packets}`;
    const why = drop.rule === '' ? '' : `: ${drop.direction}, ${drop.rule}`;
    return `${there} there, ${back} back: ${packets} ${way} dropped at ${drop.node} as ${drop.reason}${why}`;
  }
  if (there + answered + back === 0) {
    const blind = nodes.find((past) => !covers(past, from));
    return blind === undefined
      ? 'no packet between the two was recorded'
      : `what became of packets is not known: ${whyBlind(blind)}`;
  }
  if (first === last) return `${there} there, ${back} back`;
  if (back > 0)
    return `${there} there, ${back} back${back < there ? `: ${there - back} were not answered, or got lost` : ''}`;
  if (answered > 0)
    return `${there} there, nothing back: ${answered} answered, lost between ${last.node} and ${first.node}`;
  if (got > 0) return `${there} there, nothing back: lost beyond ${last.node}`;
  const beyond = covers(last, from)
    ? `lost between ${first.node} and ${last.node}`
    : `what ${last.node} had of them is not known`;
  return `${there} there, nothing back: ${beyond}`;
}

function count({ seen }: PastNode, way: 'there' | 'back', hook: string): number {
  return seen.filter((one) => one.way === way && one.hook === hook).reduce((sum, { packets }) => sum + packets, 0);
}

/** Whether its flight recorder goes back so far. */
function covers({ error, packetsSince }: PastNode, from: string): boolean {
  return error === '' && packetsSince !== '' && packetsSince <= from;
}

function whyBlind({ node, error, packetsSince }: PastNode): string {
  if (error !== '') return error;
  return packetsSince === ''
    ? `no flight recorder runs at ${node}`
    : `the flight recorder of ${node} does not go back so far`;
}
