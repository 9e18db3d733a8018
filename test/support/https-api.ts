/** An HTTPS server with a certificate of its own authority, that answers as a test says. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ApiPlace } from '../../src/kubernetes/api-place.ts';

export interface HttpsApi extends AsyncDisposable {
  readonly place: ApiPlace;
  /** Directory for files of the test. */
  readonly directory: string;
}

/** @param answer is called for each request. @param host address of IPv4 that it listens on. */
export async function openHttpsApi(
  answer: (request: IncomingMessage, response: ServerResponse) => void,
  host = '127.0.0.1',
): Promise<HttpsApi> {
  const directory = mkdtempSync(join(tmpdir(), 'weft-api-'));
  const [key, certificate] = [join(directory, 'key.pem'), join(directory, 'certificate.pem')];
  const subject = ['-subj', '/CN=weft test', '-addext', `subjectAltName=IP:${host}`];
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  execFileSync('openssl', ['req', '-x509', ...curve, '-keyout', key, '-out', certificate, '-days', '1', ...subject], {
    stdio: 'ignore',
  });
  const server = createServer({ key: readFileSync(key), cert: readFileSync(certificate) }, answer);
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  return {
    place: {
      host,
      port: (server.address() as AddressInfo).port,
      basePath: '',
      serverName: undefined,
      ca: { file: certificate },
      token: undefined,
      certificate: undefined,
    },
    directory,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      rmSync(directory, { recursive: true });
    },
  };
}
