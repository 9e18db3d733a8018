/**
 * Where the Kubernetes API is, and who asks: from a kubeconfig, or from what a pod is given of its service account. Files are only named
 * here: they change while the daemon runs, as tokens expire.
 */
import * as v from 'valibot';
import { ConfigError } from '../errors.ts';

/** Base64, or a file. */
export type Secret = { readonly file: string } | { readonly base64: string };

/** Everything that it takes to ask. */
export interface ApiPlace {
  readonly host: string;
  readonly port: number;
  /** In front of every path, as behind a proxy; mostly empty, and never with a slash at its end. */
  readonly basePath: string;
  /** Name or address in the server's certificate, where it is not the host. */
  readonly serverName: string | undefined;
  /** Who signs the server's certificate; `undefined`: those whom the system trusts. */
  readonly ca: Secret | undefined;
  readonly token: { readonly file: string } | { readonly text: string } | undefined;
  readonly certificate: { readonly certificate: Secret; readonly key: Secret } | undefined;
}

/** Where a pod finds its service account (kube-controller-manager's TokenController and the kubelet put it there). */
export const SERVICE_ACCOUNT_DIRECTORY = '/var/run/secrets/kubernetes.io/serviceaccount';

/** By this name, among others, the certificate of each API server is that of the service which pods reach it by (kubeadm, and what else makes one). */
const SERVICE_NAME = 'kubernetes.default.svc';

/** Where a server is. */
export type ApiServer = Pick<ApiPlace, 'host' | 'port'>;

const HTTPS_PORT = 443;
const KEY = 'kubernetes.kubeconfig';

/**
 * The place that a pod is told by its environment.
 *
 * @param hasFile whether the file is there
 * @param apiServer where the server is; `undefined`: where the environment says
 * @throws ConfigError that says what is missing, and what to do
 */
export function placeOfServiceAccount(
  env: Readonly<Record<string, string | undefined>>,
  hasFile: (path: string) => boolean,
  apiServer: ApiServer | undefined,
): ApiPlace {
  const { KUBERNETES_SERVICE_HOST: host = '', KUBERNETES_SERVICE_PORT: portText = '' } = env;
  const port = Number(portText);
  const isPort = Number.isInteger(port) && port >= 1 && port <= 65_535;
  const missing = [
    ...(host === '' && apiServer === undefined ? ['the variable KUBERNETES_SERVICE_HOST'] : []),
    ...(isPort || apiServer !== undefined ? [] : ['the variable KUBERNETES_SERVICE_PORT']),
    ...['token', 'ca.crt']
      .map((name) => `${SERVICE_ACCOUNT_DIRECTORY}/${name}`)
      .filter((path) => !hasFile(path))
      .map((path) => `the file ${path}`),
  ];
  if (missing.length > 0) {
    throw new ConfigError(
      KEY,
      `is not given, and this is no pod with a service account: missing are ${missing.join(', ')}; ` +
        'give the file of a kubeconfig, or run in a pod whose automountServiceAccountToken is not false',
    );
  }
  return {
    ...(apiServer ?? { host, port }),
    basePath: '',
    serverName: apiServer && SERVICE_NAME,
    ca: { file: `${SERVICE_ACCOUNT_DIRECTORY}/ca.crt` },
    token: { file: `${SERVICE_ACCOUNT_DIRECTORY}/token` },
    certificate: undefined,
  };
}

/** The same server at another address: its certificate is the one that it has where `place` says. */
export function reachedAt(place: ApiPlace, { host, port }: ApiServer): ApiPlace {
  return { ...place, host, port, serverName: place.serverName ?? place.host };
}

const text = v.string('is not text');

const cluster = v.object({
  server: text,
  'tls-server-name': v.optional(text),
  'certificate-authority': v.optional(text),
  'certificate-authority-data': v.optional(text),
  'insecure-skip-tls-verify': v.optional(v.boolean('is neither true nor false')),
});

const user = v.looseObject({
  token: v.optional(text),
  tokenFile: v.optional(text),
  'client-certificate': v.optional(text),
  'client-certificate-data': v.optional(text),
  'client-key': v.optional(text),
  'client-key-data': v.optional(text),
});

const kubeconfig = v.object({
  'current-context': v.optional(text, ''),
  contexts: v.optional(v.nullable(v.array(v.object({ name: text, context: v.object({ cluster: text, user: text }) })))),
  clusters: v.optional(v.nullable(v.array(v.object({ name: text, cluster })))),
  users: v.optional(v.nullable(v.array(v.object({ name: text, user: v.nullable(user) })))),
});

/**
 * The place of the current context of a kubeconfig.
 *
 * @param document as YAML gives it
 * @param path of the file, for messages
 * @param resolve makes a path absolute that stands in the file, which is relative to the file's directory
 * @throws ConfigError that names what is wrong in the file
 */
export function placeOfKubeconfig(document: unknown, path: string, resolve: (path: string) => string): ApiPlace {
  const refuse = (problem: string): ConfigError => new ConfigError(KEY, `${path}: ${problem}`, { file: path });
  const result = v.safeParse(kubeconfig, document);
  if (!result.success) {
    const [issue] = result.issues;
    throw refuse(`is no kubeconfig: ${v.getDotPath(issue) ?? 'the document'}: ${issue.message}`);
  }
  const { 'current-context': name, contexts, clusters, users } = result.output;
  const context = contexts?.find((one) => one.name === name)?.context;
  if (context === undefined)
    throw refuse(
      name === ''
        ? 'has no current-context: set one with "kubectl config use-context"'
        : `its current-context ${JSON.stringify(name)} is not among its contexts`,
    );
  const found = clusters?.find((one) => one.name === context.cluster)?.cluster;
  if (found === undefined) throw refuse(`has no cluster ${JSON.stringify(context.cluster)}, which its context names`);
  const who = users?.find((one) => one.name === context.user)?.user ?? undefined;
  if (who === undefined) throw refuse(`has no user ${JSON.stringify(context.user)}, which its context names`);
  const other = ['exec', 'auth-provider', 'username'].find((key) => key in who);
  if (other !== undefined)
    throw refuse(`its user has ${other}, which weft does not run: give a token, a tokenFile or a client certificate`);
  if (found['insecure-skip-tls-verify'] === true)
    throw refuse('has insecure-skip-tls-verify, which weft does not do: give certificate-authority instead');
  return {
    ...serverOf(found.server, refuse),
    serverName: found['tls-server-name'],
    ca: secretOf(found['certificate-authority-data'], found['certificate-authority'], resolve),
    token: tokenOf(who, resolve),
    certificate: certificateOf(who, resolve, refuse),
  };
}

function serverOf(
  server: string,
  refuse: (problem: string) => ConfigError,
): Pick<ApiPlace, 'host' | 'port' | 'basePath'> {
  const parts = /^https:\/\/(\[[0-9A-Fa-f:.]+\]|[^/:?#\s@]+)(?::(\d{1,5}))?(\/[^?#\s]*)?$/.exec(server);
  if (parts === null) throw refuse(`its server ${JSON.stringify(server)} is not https://HOST or https://HOST:PORT`);
  const [, host = '', portText, path = ''] = parts;
  const port = portText === undefined ? HTTPS_PORT : Number(portText);
  if (port < 1 || port > 65_535) throw refuse(`its server ${JSON.stringify(server)} has no port like 6443`);
  return { host: host.replaceAll(/[[\]]/g, ''), port, basePath: path.replace(/\/+$/, '') };
}

/** Data counts before a file, as with kubectl. */
function secretOf(
  base64: string | undefined,
  file: string | undefined,
  resolve: (path: string) => string,
): Secret | undefined {
  if (base64 !== undefined && base64 !== '') return { base64 };
  return file === undefined || file === '' ? undefined : { file: resolve(file) };
}

/** A file counts before text, as with kubectl. */
function tokenOf(who: v.InferOutput<typeof user>, resolve: (path: string) => string): ApiPlace['token'] {
  const { token, tokenFile } = who;
  if (tokenFile !== undefined && tokenFile !== '') return { file: resolve(tokenFile) };
  return token === undefined || token === '' ? undefined : { text: token };
}

function certificateOf(
  who: v.InferOutput<typeof user>,
  resolve: (path: string) => string,
  refuse: (problem: string) => ConfigError,
): ApiPlace['certificate'] {
  const certificate = secretOf(who['client-certificate-data'], who['client-certificate'], resolve);
  const key = secretOf(who['client-key-data'], who['client-key'], resolve);
  if (certificate === undefined && key === undefined) return undefined;
  if (certificate === undefined || key === undefined)
    throw refuse('its user has a client certificate without its key, or the other way round');
  return { certificate, key };
}
