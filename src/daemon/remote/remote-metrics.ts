/** The metrics of questions between nodes, declared for a registry that is made for each scrape. */
import { Counter, Gauge, type Registry } from '@prometheus-io/client';
import type { RemoteServerCounters } from './remote-server.ts';

/** Adds everything to `registry`. */
export function declareRemote(registry: Registry, { active, answered, streamed, refused }: RemoteServerCounters): void {
  const registers = [registry];
  new Gauge({
    name: 'weft_remote_conversations',
    help: 'Conversations that other nodes have with this one at the moment.',
    registers,
  }).set(active);
  new Counter({
    name: 'weft_remote_answered_questions_total',
    help: 'Questions of other nodes that were answered.',
    registers,
  }).inc(answered);
  new Counter({
    name: 'weft_remote_started_streams_total',
    help: 'Streams to other nodes that began: captures.',
    registers,
  }).inc(streamed);
  const refusals = new Counter({
    name: 'weft_remote_refused_questions_total',
    help: 'Questions of other nodes that were refused, by code of the error.',
    labelNames: ['code'],
    registers,
  });
  for (const [code, count] of refused) refusals.inc({ code }, count);
}
