import test from 'ava';
import { placeOfKubeconfig, placeOfServiceAccount, reachedAt } from '../../src/kubernetes/api-place.ts';
import { ConfigError } from '../../src/errors.ts';

const CONFIG = {
  'current-context': 'c',
  contexts: [{ name: 'c', context: { cluster: 'k', user: 'u' } }],
  clusters: [{ name: 'k', cluster: { server: 'https://[fd00::1]:6443/base/', 'certificate-authority': 'ca.crt' } }],
  users: [{ name: 'u', user: { token: 'secret' } }],
};

function resolve(path: string): string {
  return `/etc/kubernetes/${path}`;
}

function problem(document: unknown): string {
  try {
    placeOfKubeconfig(document, 'k.yaml', resolve);
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  return '';
}

test('the place of a kubeconfig is that of its current context', (t) => {
  t.deepEqual(placeOfKubeconfig(CONFIG, 'k.yaml', resolve), {
    host: 'fd00::1',
    port: 6443,
    basePath: '/base',
    serverName: undefined,
    ca: { file: '/etc/kubernetes/ca.crt' },
    token: { text: 'secret' },
    certificate: undefined,
  });
});

test('data of a certificate counts before a file, and the file of a token before its text', (t) => {
  const user = {
    token: 'text',
    tokenFile: 'token',
    'client-certificate-data': 'AAAA',
    'client-certificate': 'x',
    'client-key': 'key.pem',
  };
  const { token, certificate } = placeOfKubeconfig({ ...CONFIG, users: [{ name: 'u', user }] }, 'k.yaml', resolve);
  t.deepEqual(token, { file: '/etc/kubernetes/token' });
  t.deepEqual(certificate, { certificate: { base64: 'AAAA' }, key: { file: '/etc/kubernetes/key.pem' } });
});

const refuses = test.macro({
  exec: (t, document: unknown, message: string) => t.is(problem(document), `kubernetes.kubeconfig: k.yaml: ${message}`),
  title: (name) => `refuses ${name}`,
});

test(
  'a file that is none',
  refuses,
  'text',
  'is no kubeconfig: the document: Invalid type: Expected Object but received "text"',
);
test('no current context', refuses, {}, 'has no current-context: set one with "kubectl config use-context"');
test(
  'a context that is not there',
  refuses,
  { ...CONFIG, 'current-context': 'x' },
  'its current-context "x" is not among its contexts',
);
test(
  'a cluster that is not there',
  refuses,
  { ...CONFIG, clusters: [] },
  'has no cluster "k", which its context names',
);
test('a user that is not there', refuses, { ...CONFIG, users: null }, 'has no user "u", which its context names');
test(
  'a program that makes tokens',
  refuses,
  { ...CONFIG, users: [{ name: 'u', user: { exec: { command: 'aws' } } }] },
  'its user has exec, which weft does not run: give a token, a tokenFile or a client certificate',
);
test(
  'a server that nobody vouches for',
  refuses,
  { ...CONFIG, clusters: [{ name: 'k', cluster: { server: 'https://a', 'insecure-skip-tls-verify': true } }] },
  'has insecure-skip-tls-verify, which weft does not do: give certificate-authority instead',
);
test(
  'a server without TLS',
  refuses,
  { ...CONFIG, clusters: [{ name: 'k', cluster: { server: 'http://a:8080' } }] },
  'its server "http://a:8080" is not https://HOST or https://HOST:PORT',
);
test(
  'a certificate without a key',
  refuses,
  { ...CONFIG, users: [{ name: 'u', user: { 'client-certificate': 'x' } }] },
  'its user has a client certificate without its key, or the other way round',
);

test('a pod is told by its environment', (t) => {
  const env = { KUBERNETES_SERVICE_HOST: '10.96.0.1', KUBERNETES_SERVICE_PORT: '443' };
  const { host, port, token } = placeOfServiceAccount(env, () => true, undefined);
  t.deepEqual([host, port, token], ['10.96.0.1', 443, { file: '/var/run/secrets/kubernetes.io/serviceaccount/token' }]);
});

test('what is missing of a service account is named, with what to do', (t) => {
  const error = t.throws(() => placeOfServiceAccount({ KUBERNETES_SERVICE_HOST: '10.96.0.1' }, () => false, undefined));
  t.is(
    error.message,
    'kubernetes.kubeconfig: is not given, and this is no pod with a service account: missing are the variable KUBERNETES_SERVICE_PORT, ' +
      'the file /var/run/secrets/kubernetes.io/serviceaccount/token, the file /var/run/secrets/kubernetes.io/serviceaccount/ca.crt; ' +
      'give the file of a kubeconfig, or run in a pod whose automountServiceAccountToken is not false',
  );
});

test('a pod that is told where the server is needs no more of its environment, and knows the server by the name of its service', (t) => {
  const { host, port, serverName } = placeOfServiceAccount({}, () => true, { host: '198.18.0.10', port: 6443 });
  t.deepEqual([host, port, serverName], ['198.18.0.10', 6443, 'kubernetes.default.svc']);
});

test('a server that is reached elsewhere has the certificate that it has where the kubeconfig says', (t) => {
  const place = placeOfKubeconfig(CONFIG, 'k.yaml', resolve);
  const elsewhere = { host: '198.18.0.10', port: 16443 };
  t.deepEqual(reachedAt(place, elsewhere), { ...place, ...elsewhere, serverName: 'fd00::1' });
  t.is(reachedAt({ ...place, serverName: 'api' }, elsewhere).serverName, 'api');
});
