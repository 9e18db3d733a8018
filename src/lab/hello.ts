/**
 * What runs in a pod of the compose lab: a web server that greets, and a client that asks other pods for their greetings by name
 * and says what they answered, whenever that changes.
 *
 *     node hello.ts NAME NODE HOST...
 */
import { Resolver } from 'node:dns/promises';
import { createServer, get } from 'node:http';
import { isIP } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { POD_GATEWAY } from '../daemon/host/pod-devices.ts';

const HTTP_PORT = 80;

/** How often every other pod is asked, in ms. */
const ROUND_MS = 2_000;

/** How long a pod may take to answer, in ms. */
const ANSWER_DEADLINE_MS = 1_500;

const SILENCE = 'no answer';

const [name = '', node = '', ...hosts] = process.argv.slice(2);

// The network is there a moment after the process: it waits for nothing, since a server of all addresses needs none.
createServer((_request, response) => response.end(`hello from ${name} on ${node}\n`)).listen(HTTP_PORT);
process.on('SIGTERM', () => process.exit(0));
await Promise.all(hosts.map(askForEver));

async function askForEver(host: string): Promise<void> {
  let last = '';
  let since = performance.now();
  for (; ; await sleep(ROUND_MS)) {
    const answer = await ask(host);
    // That others are not there yet is no news.
    if (answer === last || (last === '' && answer === SILENCE && performance.now() - since < 10 * ROUND_MS)) continue;
    process.stdout.write(`${name} to http://${host}: ${answer}\n`);
    [last, since] = [answer, performance.now()];
  }
}

/** What a pod answers, or that it does not. */
async function ask(host: string): Promise<string> {
  try {
    const address = await addressOf(host);
    const signal = AbortSignal.timeout(ANSWER_DEADLINE_MS);
    return await new Promise<string>((resolve, reject) => {
      const request = get({ host: address, port: HTTP_PORT, headers: { host }, agent: false, signal }, (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => (text += chunk)).on('error', reject);
        response.on('end', () => resolve(text.trim()));
      });
      request.on('error', reject);
    });
  } catch {
    return SILENCE;
  }
}

/** By the names of weft, which a pod asks at its gateway: a pod that is a process has the resolver of its node in /etc/resolv.conf. */
async function addressOf(host: string): Promise<string> {
  if (isIP(host) !== 0) return host;
  const resolver = new Resolver({ timeout: ANSWER_DEADLINE_MS, tries: 1 });
  resolver.setServers([POD_GATEWAY[4]]);
  const [address = ''] = await resolver.resolve4(host);
  return address;
}
