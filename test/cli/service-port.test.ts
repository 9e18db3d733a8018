import test from 'ava';
import { parseServicePort } from '../../src/cli/service-port.ts';

const right = {
  '80': { protocol: 'TCP', port: 80, targetPort: 80 },
  '80:8080': { protocol: 'TCP', port: 80, targetPort: 8080 },
  '80:web': { protocol: 'TCP', port: 80, targetPort: 'web' },
  'dns=53/udp': { name: 'dns', protocol: 'UDP', port: 53, targetPort: 53 },
  'sig=2905:3000/SCTP': { name: 'sig', protocol: 'SCTP', port: 2905, targetPort: 3000 },
};

for (const [text, port] of Object.entries(right)) {
  test(`${text} is a port`, (t) => t.deepEqual(parseServicePort(text), port as ReturnType<typeof parseServicePort>));
}

for (const text of ['', 'web', '80:', ':80', '80/icmp', '=80', '80/tcp/udp']) {
  test(`"${text}" is none, and what one looks like is said`, (t) => {
    t.throws(() => parseServicePort(text), { message: /\[NAME=\]PORT\[:TARGET\]/ });
  });
}
