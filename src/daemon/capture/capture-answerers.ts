/** What the control API answers about captures; `docs/api.md` documents it. What is captured goes through a socket of its own. */
import type { RunningCapture } from '../../api/capture-api.ts';
import type { Answerers } from '../doors/control-exchange.ts';

/** What it asks. */
export interface CaptureListHandlers {
  captures(): readonly RunningCapture[];
}

/** Nothing here gives payload: `weft-ro.sock` has it, too. */
export const captureAnswerers: Answerers<CaptureListHandlers> = {
  'GET /v1/captures': (handlers) => ({ json: handlers.captures() }),
};
