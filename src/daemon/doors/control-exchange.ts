/** A request of the control API and its answer, whatever subsystem of the daemon answers it. */
import { WeftError } from '../../errors.ts';

/** Name of the header that carries the client's pid. */
export const CLIENT_PID_HEADER = 'weft-client-pid';

/** Content type of Prometheus' text format. */
export const METRICS_CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

/** A request, read to its end. */
export interface ControlRequest {
  readonly method: string;
  /** Path without query. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly body: string;
  /** Value of the client's pid header, if there was one. */
  readonly clientPid: string | undefined;
}

/** An answer: a value that becomes JSON, or text as it is. */
export type ControlAnswer = { readonly json: unknown } | { readonly text: string; readonly contentType: string };

/** Who answers one path. */
export type Answerer<Handlers> = (
  handlers: Handlers,
  request: ControlRequest,
  /** What stands in the path in place of its last word in capitals. */
  name: string,
) => ControlAnswer | Promise<ControlAnswer>;

/** Answers by `METHOD PATH`. All but GET change something: they are for `weft.sock` only. */
export type Answerers<Handlers> = Readonly<Record<string, Answerer<Handlers>>>;

/** A body that is a JSON object. @throws WeftError `request-invalid` */
export function parseBody(body: string): Record<string, unknown> {
  let input: unknown;
  try {
    input = JSON.parse(body);
  } catch {
    throw new WeftError('request-invalid', 'the body is not JSON');
  }
  if (typeof input === 'object' && input !== null && !Array.isArray(input)) return input as Record<string, unknown>;
  throw new WeftError('request-invalid', 'the body is not a JSON object');
}
