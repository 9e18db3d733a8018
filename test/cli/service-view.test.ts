import test from 'ava';
import { formatService, formatServices } from '../../src/cli/service-view.ts';
import { fixedServices } from '../support/fixed-handlers.ts';

const pipe = { widthColumns: undefined, colour: false };
const narrow = { widthColumns: 80, colour: false };

test('services are a table, and what went nowhere is said below it', (t) => {
  t.is(
    formatServices(fixedServices, pipe),
    `SERVICE   TYPE          ADDRESS                                                     PORT                                               BACKENDS  CONNECTIONS
shop/web  LoadBalancer  10.96.0.7,fd00:10:96::7,198.18.0.1,192.0.2.10,2001:db8::10  http 80:8080/tcp (node port 30080),dns 53:dns/udp       2,0          7,0
shop/db   headless      -                                                           5432/tcp                                                  1            -

CONNECTIONS: from or over n1, now; weft services NAME has the backends
connections refused at n1: 2 to ports without a backend; 1 from outside, where the service keeps to backends of the node
notice 198.18.0.1 TCP 80 of shop/web is that of shop/old:http
notice 80/tcp of shop/web goes to the first 2 backends of each family, by address: there is no room for all of the service
notice 53/udp of shop/web is left out: there is no room for all of the service
`,
  );
});

test('one is told with all its backends', (t) => {
  t.is(
    formatService(fixedServices.services[0]!, fixedServices, narrow),
    `service shop/web, LoadBalancer
  address   10.96.0.7, fd00:10:96::7
  external  198.18.0.1
  balancer  192.0.2.10, announced by n2
  balancer  2001:db8::10
  selector  app=web
  affinity  a client keeps its backend until it is silent for 10800 s
  traffic   from outside to backends of n1 alone
  given     at n2, 2026-01-03T04:05:06.000Z

PORT                                BACKEND                        POD         NODE  CONNECTIONS
http 80:8080/tcp (node port 30080)  10.244.1.2:8080                shop/web-1  n1              3
http 80:8080/tcp (node port 30080)  10.244.2.2:8080                shop/web-2  n2              4
http 80:8080/tcp (node port 30080)  [fd00:10:244:1::2]:8080        shop/web-1  n1              0
dns 53:dns/udp                      none: connections are refused  -           -               -
notice 198.18.0.1 TCP 80 of shop/web is that of shop/old:http
notice 80/tcp of shop/web goes to the first 2 backends of each family, by
       address: there is no room for all of the service
notice 53/udp of shop/web is left out: there is no room for all of the service
`,
  );
});

test('without any, that is said, and why it may be otherwise', (t) => {
  const notices = [{ code: 'services-unknown', message: 'nobody has told' }];
  t.is(formatServices({ ...fixedServices, services: [], notices }, pipe), 'no services\nnotice nobody has told\n');
});
