/** From the configuration to somebody who watches the API. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parse } from 'yaml';
import type { Logger } from '../../env/logger.ts';
import { ConfigError } from '../../errors.ts';
import { type ApiPlace, placeOfKubeconfig, placeOfServiceAccount, reachedAt } from '../../kubernetes/api-place.ts';
import type { WatchPurpose } from '../../kubernetes/watched-resource.ts';
import type { ConfigInput, KubernetesConfig } from '../config/config.ts';
import { withOrigin } from '../config/config-origin.ts';
import { readVersion } from '../process/version.ts';
import { ApiMirror } from './api-mirror.ts';

/**
 * Begins to watch.
 *
 * @param input that the configuration was read from, for messages
 * @throws ConfigError that says what is missing or wrong, and what to do
 */
export function openApi(
  config: KubernetesConfig,
  purposes: readonly WatchPurpose[],
  logger: Logger,
  input: ConfigInput,
): ApiMirror {
  const place = placeIn(config, input);
  return new ApiMirror({
    place,
    nodeName: config.nodeName,
    purposes,
    userAgent: `weft/${readVersion().version}`,
    logger,
    wallClockMs: Date.now,
  });
}

function placeIn(config: KubernetesConfig, input: ConfigInput): ApiPlace {
  try {
    return placeOf(config);
  } catch (error) {
    throw error instanceof ConfigError ? withOrigin(error, input) : error;
  }
}

function placeOf({ kubeconfig, apiServer }: KubernetesConfig): ApiPlace {
  if (kubeconfig === undefined) return placeOfServiceAccount(process.env, existsSync, apiServer);
  const place = placeOfKubeconfig(documentIn(kubeconfig), kubeconfig, (path) => resolve(dirname(kubeconfig), path));
  return apiServer === undefined ? place : reachedAt(place, apiServer);
}

function documentIn(path: string): unknown {
  try {
    return parse(readFileSync(path, 'utf8')) as unknown;
  } catch (error) {
    throw new ConfigError('kubernetes.kubeconfig', `${path}: ${(error as Error).message}`, { file: path });
  }
}
