import test from 'ava';
import { type ServiceChoice, tellChoice } from '../../src/explain/service-choice.ts';

const choice: ServiceChoice = {
  outcome: 'backend',
  service: 'shop/web:http',
  place: '10.96.0.1 tcp 80',
  backends: 3,
  how: 'hash',
  backend: { address: '10.244.2.2', port: 8080, pod: 'shop/web-0', node: 'n2' },
  why: '',
};

const said = test.macro<[Partial<ServiceChoice>, string, string | null, boolean?]>({
  exec: (t, more, text, fate, isItself = false) => {
    const told = tellChoice({ ...choice, ...more }, 'n1', 40_000, isItself);
    t.is(told.step.text, text);
    t.is(told.fate, fate as typeof told.fate);
    t.is(told.step.verdict, ({ blocked: 'stop', unknown: 'unknown' } as const)[fate as 'blocked'] ?? 'pass');
  },
  title: (_, more, _text, _fate, isItself) => `${JSON.stringify(more)}${isItself === true ? ' to itself' : ''} is said`,
});

const web = '10.96.0.1 tcp 80 is service shop/web:http';

test(said, {}, `${web}: of 3 backends, a flow from port 40000 gets 10.244.2.2 port 8080 (pod shop/web-0 at n2)`, null);
test(
  said,
  { how: 'kept' },
  `${web}: of 3 backends, the client keeps 10.244.2.2 port 8080 (pod shop/web-0 at n2)`,
  null,
);
test(
  said,
  { how: 'only', backends: 1, backend: { ...choice.backend!, pod: '', node: '' } },
  `${web}: its only backend is 10.244.2.2 port 8080`,
  null,
);
test(
  said,
  { how: 'only', backends: 1 },
  `${web}: its only backend is 10.244.2.2 port 8080 (pod shop/web-0 at n2), the sender itself: n1 sends it back under its own overlay address; whether rules of others let that pass is not looked at`,
  'unknown',
  true,
);

const none = { backend: undefined, backends: 0 };

test(
  said,
  { ...none, outcome: 'refused' },
  'n1 refuses it: service shop/web:http (10.96.0.1 tcp 80) has no backend',
  'blocked',
);
test(
  said,
  { ...none, outcome: 'dropped' },
  'n1 drops it: service shop/web:http (10.96.0.1 tcp 80) keeps to backends of the node that packets come to, and there is none at it',
  'blocked',
);
test(
  said,
  { ...none, outcome: 'source-refused' },
  'n1 drops it: service shop/web:http (10.96.0.1 tcp 80) does not let its source in',
  'blocked',
);
test(
  said,
  { ...none, outcome: 'no-port', service: '' },
  'n1 refuses it: the address is one of services, and none of them has 10.96.0.1 tcp 80',
  'blocked',
);
test(
  said,
  { ...none, outcome: 'no-service', service: '' },
  'n1 refuses it: no service has the address of 10.96.0.1 tcp 80',
  'blocked',
);
test(
  said,
  { ...none, outcome: 'unknown', why: 'somebody changed its rules' },
  'where n1 sends what is for 10.96.0.1 tcp 80 cannot be told: somebody changed its rules',
  'unknown',
);
