import type { Logger } from '../../src/env/logger.ts';

function drop(): void {}

/** Logs nothing. */
export const silentLogger: Logger = { debug: drop, info: drop, warn: drop, error: drop };
