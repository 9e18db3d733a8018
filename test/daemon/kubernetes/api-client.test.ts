import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { ApiClient } from '../../../src/daemon/kubernetes/api-client.ts';
import type { ApiAnswer, ApiFailure } from '../../../src/kubernetes/api-calls.ts';
import { freePort } from '../../support/free-port.ts';
import { openHttpsApi } from '../../support/https-api.ts';

function get(client: ApiClient, path: string): Promise<ApiAnswer> {
  return new Promise((resolve) => client.get(path, resolve));
}

/** What a stream says until it ends. */
function hear(client: ApiClient, path: string): Promise<{ objects: unknown[]; failure: ApiFailure | undefined }> {
  const objects: unknown[] = [];
  return new Promise((resolve) =>
    client.stream(path, {
      opened: () => {},
      object: (body) => objects.push(body),
      ended: (failure) => resolve({ objects, failure }),
    }),
  );
}

test('a token is read from its file for each question', async (t) => {
  const tokens: (string | undefined)[] = [];
  await using api = await openHttpsApi((request, response) => {
    tokens.push(request.headers.authorization);
    response.end('{}');
  });
  const file = join(api.directory, 'token');
  const client = new ApiClient({ ...api.place, token: { file } }, 'weft/test');
  writeFileSync(file, 'first\n');
  t.deepEqual(await get(client, '/api/v1/nodes'), { body: {} });
  writeFileSync(file, 'second\n');
  await get(client, '/api/v1/nodes');
  t.deepEqual(tokens, ['Bearer first', 'Bearer second']);
  client.close();
});

test('a token that is not there is a failure, and no question', async (t) => {
  await using api = await openHttpsApi((_request, response) => response.end('{}'));
  const client = new ApiClient({ ...api.place, token: { file: join(api.directory, 'none') } }, 'weft/test');
  const answer = await get(client, '/');
  t.true('failure' in answer && answer.failure.message.startsWith('ENOENT'));
  client.close();
});

test('a server that is reached elsewhere is known by the address in its certificate, or is not asked', async (t) => {
  let questions = 0;
  await using api = await openHttpsApi((_request, response) => {
    questions++;
    response.end('{}');
  });
  const elsewhere = { ...api.place, host: 'localhost' };
  const client = new ApiClient({ ...elsewhere, serverName: '127.0.0.1' }, 'weft/test');
  t.deepEqual(await get(client, '/'), { body: {} });
  client.close();
  for (const serverName of [undefined, '127.0.0.2', 'kubernetes.default.svc']) {
    const other = new ApiClient({ ...elsewhere, serverName }, 'weft/test');
    const answer = await get(other, '/');
    t.regex('failure' in answer ? answer.failure.message : '', /does not match certificate's altnames/);
    other.close();
  }
  t.is(questions, 1);
});

test('a server whose certificate another authority signed gets no token', async (t) => {
  let questions = 0;
  await using api = await openHttpsApi((_request, response) => {
    questions++;
    response.end('{}');
  });
  await using other = await openHttpsApi((_request, response) => response.end('{}'));
  const client = new ApiClient({ ...api.place, ca: other.place.ca, token: { text: 'secret' } }, 'weft/test');
  const answer = await get(client, '/');
  t.true('failure' in answer && /self-signed|certificate/.test(answer.failure.message), JSON.stringify(answer));
  t.is(questions, 0);
  client.close();
});

test('what the server refuses is told in one line, with its status and how long to wait', async (t) => {
  await using api = await openHttpsApi((_request, response) => {
    response.writeHead(429, { 'Retry-After': '7' });
    response.end(JSON.stringify({ kind: 'Status', message: 'too many\nrequests\u001B[31m' }));
  });
  const client = new ApiClient(api.place, 'weft/test');
  t.deepEqual(await get(client, '/'), {
    failure: { status: 429, message: 'HTTP 429: too many requests [31m', retryAfterMs: 7_000 },
  });
  client.close();
});

test('an answer that is no JSON is a failure', async (t) => {
  await using api = await openHttpsApi((_request, response) => response.end('<html>'));
  const client = new ApiClient(api.place, 'weft/test');
  t.deepEqual(await get(client, '/'), { failure: { status: 0, message: 'the answer is no JSON', retryAfterMs: 0 } });
  client.close();
});

test('an answer that breaks off is a failure', async (t) => {
  await using api = await openHttpsApi((_request, response) => {
    response.write('{"items": [');
    setImmediate(() => response.destroy());
  });
  const client = new ApiClient(api.place, 'weft/test');
  const answer = await get(client, '/');
  t.true('failure' in answer);
  client.close();
});

test('an answer without an end is not read for ever', async (t) => {
  const megabyte = Buffer.alloc(1_048_576, ' ');
  await using api = await openHttpsApi((_request, response) => {
    const more = (): void => {
      while (!response.destroyed && response.write(megabyte));
    };
    response.on('drain', more);
    more();
  });
  const client = new ApiClient(api.place, 'weft/test');
  const answer = await get(client, '/');
  t.is('failure' in answer ? answer.failure.message : '', 'the answer is longer than 33554432 bytes');
  client.close();
});

test('a line of a watch without an end is not read for ever', async (t) => {
  const megabyte = Buffer.alloc(1_048_576, ' ');
  await using api = await openHttpsApi((_request, response) => {
    const more = (): void => {
      while (!response.destroyed && response.write(megabyte));
    };
    response.on('drain', more);
    more();
  });
  const client = new ApiClient(api.place, 'weft/test');
  const { failure } = await hear(client, '/');
  t.is(failure?.message, 'a line of the watch is longer than 4194304 bytes');
  client.close();
});

test('lines of a watch may come in any pieces, and several at once', async (t) => {
  await using api = await openHttpsApi((_request, response) => {
    response.write('{"a":1}\n{"b":');
    setImmediate(() => {
      response.write('2}\n\n{"c":"ü"}');
      setImmediate(() => response.end('\n'));
    });
  });
  const client = new ApiClient(api.place, 'weft/test');
  t.deepEqual(await hear(client, '/'), { objects: [{ a: 1 }, { b: 2 }, { c: 'ü' }], failure: undefined });
  client.close();
});

test('a watch that is refused ends with the reason', async (t) => {
  await using api = await openHttpsApi((_request, response) => {
    response.writeHead(403);
    response.end(JSON.stringify({ message: 'nodes is forbidden' }));
  });
  const client = new ApiClient(api.place, 'weft/test');
  const { failure } = await hear(client, '/');
  t.deepEqual(failure, { status: 403, message: 'HTTP 403: nodes is forbidden', retryAfterMs: 0 });
  client.close();
});

test('nobody at the address is a failure that says so', async (t) => {
  const api = await openHttpsApi(() => {});
  await api[Symbol.asyncDispose]();
  const client = new ApiClient({ ...api.place, port: await freePort(), ca: undefined }, 'weft/test');
  const answer = await get(client, '/');
  t.true('failure' in answer && answer.failure.message.includes('ECONNREFUSED'));
  client.close();
});

test('a change is sent as what it is', async (t) => {
  const seen: unknown[] = [];
  await using api = await openHttpsApi((request, response) => {
    let text = '';
    request.on('data', (chunk) => (text += String(chunk)));
    request.on('end', () => {
      seen.push([request.method, request.url, request.headers['content-type'], text]);
      response.writeHead(201);
      response.end('{"kind":"Event"}');
    });
  });
  const client = new ApiClient({ ...api.place, basePath: '/behind' }, 'weft/test');
  const answer = await new Promise<ApiAnswer>((resolve) => client.patch('/x', { a: 1 }, resolve));
  t.deepEqual(answer, { body: { kind: 'Event' } });
  t.deepEqual(seen, [['PATCH', '/behind/x', 'application/strategic-merge-patch+json', '{"a":1}']]);
  client.close();
});
