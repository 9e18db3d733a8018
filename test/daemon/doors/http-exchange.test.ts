import { createServer, get } from 'node:http';
import type { AddressInfo } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { sendError } from '../../../src/daemon/doors/http-exchange.ts';
import { WeftError } from '../../../src/errors.ts';

/** Status and `allow` header of the answer to a request that fails like this. */
async function answerTo(t: ExecutionContext, error: WeftError): Promise<[number, string | undefined]> {
  const server = createServer((_request, response) => sendError(response, error, undefined));
  t.teardown(() => server.close());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return await new Promise((resolve, reject) => {
    get({ host: '127.0.0.1', port, agent: false }, (response) => {
      response.resume();
      resolve([response.statusCode!, response.headers.allow]);
    }).on('error', reject);
  });
}

for (const code of ['constructor', 'toString', '__proto__', 'unheard-of']) {
  test(`an error of another node with the code ${code} is an answer like any other`, async (t) => {
    t.deepEqual(await answerTo(t, new WeftError(code, 'no')), [500, undefined]);
  });
}

test('methods that are allowed are said in a header, and nothing that a header cannot hold', async (t) => {
  const allowed = ['GET', 'a\r\nb', 7, 'POST'];
  t.deepEqual(await answerTo(t, new WeftError('method-not-allowed', 'no', { allowed })), [405, 'GET, POST']);
  t.deepEqual(await answerTo(t, new WeftError('peer-unknown', 'no', { allowed })), [404, undefined]);
});
