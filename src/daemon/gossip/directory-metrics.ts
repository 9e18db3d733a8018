/** The metrics of the pod directory, declared for a registry that is made for each scrape. */
import { Counter, Gauge, type Registry } from '@prometheus-io/client';
import type { PodDirectory } from '../../directory/pod-directory.ts';

/** Whose numbers they are. */
export type DirectorySource = Pick<PodDirectory, 'statistics' | 'refused'>;

/** Adds everything to `registry`. */
export function declareDirectory(registry: Registry, source: DirectorySource): void {
  const registers = [registry];
  const statistics = source.statistics();
  new Gauge({ name: 'weft_directory_pods', help: 'Pods of other nodes that are known.', registers }).set(
    statistics.pods,
  );
  new Gauge({ name: 'weft_directory_nodes', help: 'Other nodes whose pods are known.', registers }).set(
    statistics.nodes,
  );
  new Gauge({ name: 'weft_directory_bytes', help: 'What is known of pods of other nodes, in bytes.', registers }).set(
    statistics.lengthBytes,
  );
  new Gauge({
    name: 'weft_directory_missing_nodes',
    help: 'Nodes whose pods, as they announce them, have not come yet.',
    registers,
  }).set(statistics.behind);
  const requests = new Counter({
    name: 'weft_directory_requests_total',
    help: 'Requests for pods of nodes, by what became of them: sent, of these failed (nothing came of it); answered for others.',
    labelNames: ['outcome'],
    registers,
  });
  requests.inc({ outcome: 'sent' }, statistics.requestsSent);
  requests.inc({ outcome: 'failed' }, statistics.requestsFailed);
  requests.inc({ outcome: 'answered' }, statistics.requestsAnswered);
  new Counter({
    name: 'weft_directory_changes_total',
    help: 'Changes of pods of other nodes that came in datagrams and were taken.',
    registers,
  }).inc(statistics.changesTaken);
  const refused = new Counter({
    name: 'weft_directory_refused_messages_total',
    help: 'Messages about pods that were refused, by reason.',
    labelNames: ['reason'],
    registers,
  });
  for (const [reason, count] of Object.entries(source.refused())) refused.inc({ reason }, count);
}
