/** Certificates, keys, tokens and kubeconfigs of a cluster: who is believed to be whom. They are good for this cluster alone. */
import { randomBytes } from 'node:crypto';
import { appendFileSync, chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { runProgram } from '../support/program.ts';

/** Longer than any cluster is there. */
const VALIDITY_DAYS = '3650';

/** First address of the range of services: the API server itself. */
export const API_SERVICE_ADDRESSES = ['10.96.0.1', 'fd00:10:96::1'] as const;

/** Who may ask the API server, with the user and group that its rules of access know. */
const USERS = {
  admin: { user: 'admin', group: 'system:masters' },
  'controller-manager': { user: 'system:kube-controller-manager', group: '' },
  scheduler: { user: 'system:kube-scheduler', group: '' },
  proxy: { user: 'system:kube-proxy', group: 'system:node-proxier' },
} as const;

/** A user whom everybody has. */
export type ClusterUser = keyof typeof USERS;

/** Paths of all that {@link makeCredentials} writes. */
export class Credentials {
  readonly directory: string;

  constructor(directory: string) {
    this.directory = directory;
  }

  /** Of the authority that signed all certificates. */
  get authority(): string {
    return this.path('ca.crt');
  }

  get tokens(): string {
    return this.path('tokens.csv');
  }

  path(file: string): string {
    return join(this.directory, file);
  }

  /** The kubeconfig of a user, or of the kubelet of a node by the node's name. */
  kubeconfig(who: ClusterUser | (string & {})): string {
    return this.path(`${who}.kubeconfig`);
  }
}

/**
 * Writes them for an API server that is reached at `url`.
 *
 * @param addresses of the API server, beside that of its service.
 * @param nodes their kubelets are users.
 */
export async function makeCredentials(
  directory: string,
  {
    url,
    addresses,
    nodes,
  }: { readonly url: string; readonly addresses: readonly string[]; readonly nodes: readonly string[] },
): Promise<Credentials> {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const credentials = new Credentials(directory);
  const names = [
    'localhost',
    ...['', '.default', '.default.svc', '.default.svc.cluster.local'].map((end) => `kubernetes${end}`),
  ];
  const alternatives = [
    ...[...addresses, ...API_SERVICE_ADDRESSES].map((ip) => `IP:${ip}`),
    ...names.map((name) => `DNS:${name}`),
  ];
  await makeAuthority(directory);
  await makeCertificate(directory, 'apiserver', '/CN=kube-apiserver', [
    `subjectAltName=${alternatives.join(',')}`,
    'extendedKeyUsage=serverAuth',
  ]);
  await makeCertificate(directory, 'apiserver-kubelet', '/O=system:masters/CN=apiserver-kubelet', [
    'extendedKeyUsage=clientAuth',
  ]);
  await openssl(directory, ['genrsa', '-out', 'sa.key', '2048']);
  await openssl(directory, ['rsa', '-in', 'sa.key', '-pubout', '-out', 'sa.pub']);
  for (const [who, { user, group }] of Object.entries(USERS)) addUser(credentials, url, { who, user, group });
  for (const node of nodes) addKubelet(credentials, url, node);
  return credentials;
}

/** The kubelet of one more node. An API server that runs knows it after its next start. */
export function addKubelet(credentials: Credentials, url: string, node: string): void {
  addUser(credentials, url, { who: node, user: `system:node:${node}`, group: 'system:nodes' });
}

function addUser(
  credentials: Credentials,
  url: string,
  { who, user, group }: { readonly who: string; readonly user: string; readonly group: string },
): void {
  const token = randomBytes(24).toString('base64url');
  writeFileSync(credentials.kubeconfig(who), kubeconfig(url, credentials.authority, token), { mode: 0o600 });
  appendFileSync(credentials.tokens, `${token},${user},${user},"${group}"\n`, { mode: 0o600 });
}

async function makeAuthority(directory: string): Promise<void> {
  const usage = 'keyUsage=critical,keyCertSign,cRLSign,digitalSignature';
  await makeKey(directory, 'ca');
  const validity = ['-sha256', '-days', VALIDITY_DAYS, '-subj', '/CN=cluster'];
  const extensions = ['-addext', 'basicConstraints=critical,CA:TRUE', '-addext', usage];
  await openssl(directory, ['req', '-x509', '-new', '-key', 'ca.key', ...validity, ...extensions, '-out', 'ca.crt']);
}

async function makeCertificate(
  directory: string,
  name: string,
  subject: string,
  extensions: readonly string[],
): Promise<void> {
  await makeKey(directory, name);
  const [request, options] = [`${name}.csr`, `${name}.ext`];
  writeFileSync(join(directory, options), `${extensions.join('\n')}\n`);
  await openssl(directory, ['req', '-new', '-key', `${name}.key`, '-subj', subject, '-out', request]);
  const signer = ['-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial', '-sha256', '-days', VALIDITY_DAYS];
  await openssl(directory, ['x509', '-req', '-in', request, ...signer, '-extfile', options, '-out', `${name}.crt`]);
}

async function makeKey(directory: string, name: string): Promise<void> {
  await openssl(directory, ['ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', `${name}.key`]);
  chmodSync(join(directory, `${name}.key`), 0o600);
}

async function openssl(directory: string, args: readonly string[]): Promise<void> {
  (await runProgram(['env', '-C', directory, 'openssl', ...args])).succeeded();
}

function kubeconfig(server: string, authority: string, token: string): string {
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'weft', cluster: { server, 'certificate-authority': authority } }],
    users: [{ name: 'user', user: { token } }],
    contexts: [{ name: 'weft', context: { cluster: 'weft', user: 'user' } }],
    'current-context': 'weft',
  });
}
