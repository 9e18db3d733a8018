/** Names of pods, nodes and services, as the daemon answers them over DNS: what the control API says of them. */

/** What became of a question. One closed list; the names are API. */
export type NameOutcome =
  | 'answered'
  | 'no-data'
  | 'no-name'
  | 'not-yet'
  | 'forwarded'
  | 'unanswered'
  | 'no-resolver'
  | 'busy'
  | 'refused'
  | 'malformed'
  | 'rate-limited'
  | 'stranger';

/** Part of the status. */
export interface NamesStatus {
  readonly enabled: boolean;
  /** `weft.internal` */
  readonly domain: string;
  /** Addresses at which names are answered now, port 53, UDP and TCP. */
  readonly listening: readonly string[];
  /** Servers that other names are asked of: of the configuration, or of /etc/resolv.conf. */
  readonly resolvers: readonly string[];
  /** Names of pods, nodes and services that are known. */
  readonly known: number;
  /** Names that pods of several nodes claim: the node whose name comes first has them. */
  readonly contested: number;
  /** Pods without a name, since DNS cannot carry theirs, or their namespace is called `node` or `svc`. */
  readonly unnameable: number;
  /** Questions since the start, by what became of them. */
  readonly questions: Readonly<Record<NameOutcome, number>>;
  /** Answers that had to be cut, for a client to ask again over TCP. */
  readonly truncated: number;
  /** Questions that came over TCP. */
  readonly overTcp: number;
  /** Connections that were refused, since there were too many of an asker or in all. */
  readonly turnedAway: number;
}
