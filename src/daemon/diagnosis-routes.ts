/** The paths of the control API by which one finds out where packets went; `docs/api.md` documents each. */
import type { Answerer } from './control-routes.ts';

/** `METHOD PATH`. All but GET are for `weft.sock` only. Nothing here gives payload to `weft-ro.sock`. */
export const diagnosisAnswerers: Readonly<Record<string, Answerer>> = {};
