/**
 * What runs in the pods of a check: a server, and a client that carries out one order. It goes into a pod as text, for whatever Node is there:
 * so it is one function, and uses nothing from outside of it.
 */

/** What a client is to do. */
export interface AgentOrder {
  /** `tcp`: connect. `udp`: one datagram of the largest size, unfragmented. `dns`: look up a name. */
  readonly kind: 'tcp' | 'udp' | 'dns';
  readonly family: 4 | 6;
  /** An address; for `dns` a name. */
  readonly target: string;
  readonly port: number;
  /** Longest wait, in ms. */
  readonly timeoutMs: number;
}

/** What became of it. */
export interface AgentAnswer {
  readonly ok: boolean;
  /** What was answered, or why nothing was. */
  readonly detail: string;
  /** From the first packet to the answer. */
  readonly tookMs: number;
}

/** Where servers listen, over TCP and UDP. */
export const AGENT_PORT = 8080;

/** The program, for `node -e PROGRAM ROLE ORDER`: `server`, `client` with an {@link AgentOrder} as JSON, or `idle`. */
export function agentProgram(port = AGENT_PORT): string {
  return `(${String(agent)})(require, process.argv[1], process.argv[2], ${port})`;
}

// What it calls has to be inside of it.
/* oxlint-disable unicorn/consistent-function-scoping */
/** @param load Node's `require`, which a program of `-e` has. */
function agent(load: NodeJS.Require, role: string, order: string, listenPort: number): void {
  const net = load('node:net') as typeof import('node:net');
  const dgram = load('node:dgram') as typeof import('node:dgram');
  const dns = load('node:dns') as typeof import('node:dns');
  const fs = load('node:fs') as typeof import('node:fs');
  const os = load('node:os') as typeof import('node:os');
  const RETRY_MS = 300;

  function serve(): void {
    const server = net.createServer((socket) => {
      socket.on('error', () => socket.destroy());
      socket.end(`${os.hostname()}\n`);
    });
    // Without IPv6 there is no `::`.
    server.once('error', () => server.listen(listenPort, '0.0.0.0'));
    server.listen(listenPort, '::');
    for (const type of ['udp4', 'udp6'] as const) {
      const echo = dgram.createSocket({ type, ipv6Only: type === 'udp6' });
      echo.on('error', () => undefined);
      echo.on('message', (message, from) => echo.send(message, from.port, from.address));
      echo.bind(listenPort);
    }
  }

  function idle(): void {
    setInterval(() => undefined, 3_600_000);
  }

  function client({ kind, family, target, port, timeoutMs }: AgentOrder): void {
    const startedMs = performance.now();
    let isOver = false;
    const say = (ok: boolean, detail: string): void => {
      if (isOver) return;
      isOver = true;
      const tookMs = performance.now() - startedMs;
      process.stdout.write(JSON.stringify({ ok, detail, tookMs }), () => process.exit(0));
    };
    setTimeout(() => say(false, `no answer within ${timeoutMs / 1_000} s`), timeoutMs);
    if (kind === 'tcp') connect();
    else if (kind === 'udp') sendLargest();
    else lookUp();

    // A server that has just been started does not listen yet, and a service has no backend: that is tried again.
    function connect(): void {
      let text = '';
      const socket = net.connect({ host: target, port, family });
      socket.on('data', (chunk) => (text += chunk.toString()));
      socket.on('end', () => say(true, text.trim()));
      socket.on('error', (error: NodeJS.ErrnoException) => {
        const isLate = performance.now() - startedMs > timeoutMs / 2;
        if (error.code === 'ECONNREFUSED' && !isLate) setTimeout(connect, RETRY_MS);
        else say(false, error.code === 'ECONNREFUSED' ? 'the connection was refused' : error.message);
      });
    }

    // Linux sets DF on datagrams that fit the path, as far as it knows it; one that does not is cut into fragments, which are counted.
    function sendLargest(): void {
      const mtuBytes = Number(fs.readFileSync('/sys/class/net/eth0/mtu', 'utf8'));
      const payloadBytes = mtuBytes - (family === 4 ? 28 : 48);
      const before = fragments();
      const socket = dgram.createSocket(family === 4 ? 'udp4' : 'udp6');
      const send = (): void =>
        socket.send(Buffer.alloc(payloadBytes, 1), port, target, (error) => {
          if (error !== null) say(false, `a packet of ${mtuBytes} bytes cannot be sent: ${error.message}`);
        });
      socket.on('error', (error) => say(false, error.message));
      socket.on('message', (message) => {
        const isWhole = message.length === payloadBytes && fragments() === before;
        if (isWhole) say(true, `packets of ${mtuBytes} bytes`);
        else say(false, `packets of ${mtuBytes} bytes are fragmented: the path takes smaller ones only`);
      });
      send();
      setInterval(send, 1_000);
    }

    function fragments(): number {
      const ofV4 = fs
        .readFileSync('/proc/net/snmp', 'utf8')
        .split('\n')
        .filter((line) => line.startsWith('Ip:'));
      const at = ofV4[0]!.split(' ').indexOf('FragCreates');
      const ofV6 = fs.existsSync('/proc/net/snmp6') ? fs.readFileSync('/proc/net/snmp6', 'utf8') : '';
      return Number(ofV4[1]!.split(' ')[at]) + Number(/Ip6FragCreates\s+(\d+)/.exec(ofV6)?.[1] ?? 0);
    }

    function lookUp(): void {
      dns.lookup(target, { family, all: true }, (error, found) => {
        if (error === null) say(true, found.map(({ address }) => address).join(' '));
        else if (performance.now() - startedMs > timeoutMs / 2) say(false, `${error.code}: ${error.message}`);
        else setTimeout(lookUp, RETRY_MS);
      });
    }
  }

  // The first process of a container has no default for it.
  process.on('SIGTERM', () => process.exit(0));
  if (role === 'server') serve();
  else if (role === 'client') client(JSON.parse(order) as AgentOrder);
  else idle();
}
