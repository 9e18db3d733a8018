/** The API server as a watch needs it: questions with one answer, and streams of lines. Real in the daemon, a double in tests. */

/** Why there is no answer, or what the server said instead. */
export interface ApiFailure {
  /** Of HTTP; 0: there was no answer at all. */
  readonly status: number;
  /** For people: `HTTP 403: nodes is forbidden ...`, `ECONNREFUSED`. */
  readonly message: string;
  /** How long the server asks to wait, in ms (Retry-After, RFC 9110, section 10.2.3); 0: it does not. */
  readonly retryAfterMs: number;
  /** The answer is longer than one may be: less has to be asked for. */
  readonly isTooLong?: true;
  /** A stream that had begun was ended here, as nothing was heard of it for long. */
  readonly isSilence?: true;
}

/** What came of a question. */
export type ApiAnswer = { readonly body: unknown } | { readonly failure: ApiFailure };

/** Who hears a stream. */
export interface StreamListener {
  /** The server began to answer. */
  opened(): void;
  /** One line, parsed. */
  object(body: unknown): void;
  /** Called once, and nothing after it. @param failure `undefined`: the server ended it in order */
  ended(failure: ApiFailure | undefined): void;
}

/** Each gives a function that ends it early; then nothing is called any more. */
export interface ApiCalls {
  /** @param path with its query. */
  get(path: string, answer: (answer: ApiAnswer) => void): () => void;
  stream(path: string, listener: StreamListener): () => void;
}
