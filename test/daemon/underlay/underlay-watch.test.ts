import test, { type ExecutionContext } from 'ava';
import { EventLog } from '../../../src/daemon/process/event-log.ts';
import type { Underlay } from '../../../src/daemon/underlay/underlay.ts';
import { UnderlayWatch } from '../../../src/daemon/underlay/underlay-watch.ts';
import { formatIpAddress, parseIpAddress } from '../../../src/wire/address.ts';
import { silentLogger } from '../../support/silent-logger.ts';
import { until } from '../../support/until.ts';

const INTERVAL_MS = 2;

function underlay(address: string, mtuBytes = 1500, device = 'eth0'): Underlay {
  const reason = 'underlay.interface names it';
  return { interface: device, index: 2, address: parseIpAddress(address)!, mtuBytes, reason };
}

/** A machine whose address, in its only device, a test changes. */
class Machine {
  /** `undefined`: none. */
  address: string | undefined = '198.18.0.1';
  mtuBytes = 1500;
  device = 'eth0';
  /** What stands in the way of taking an address. */
  obstacle: string | undefined;
  choices = 0;
  readonly taken: string[] = [];
  readonly renamed: string[] = [];
  readonly events = new EventLog(() => 0);
  readonly watch: UnderlayWatch;

  constructor(t: ExecutionContext, configuredInterface?: string) {
    this.watch = new UnderlayWatch({
      underlay: underlay('198.18.0.1'),
      configuredInterface,
      choose: async () => {
        this.choices++;
        if (this.address === undefined) throw new Error(`${this.device} has no address`);
        return await Promise.resolve(underlay(this.address, this.mtuBytes, this.device));
      },
      isHere: ({ interface: device, address }) => device === this.device && formatIpAddress(address) === this.address,
      rename: ({ interface: device }) => this.renamed.push(device),
      take: async ({ address }) => {
        if (this.obstacle !== undefined) throw new Error(this.obstacle);
        this.taken.push(formatIpAddress(address));
        await Promise.resolve();
      },
      events: this.events,
      logger: silentLogger,
      intervalMs: INTERVAL_MS,
    });
    t.teardown(() => this.watch.stop());
  }

  get current(): string {
    return formatIpAddress(this.watch.underlay.address);
  }

  get noticeCodes(): string[] {
    return this.watch.notices().map(({ code }) => code);
  }

  get messages(): string[] {
    return this.events.list({ kinds: ['underlay-changed'] }).map(({ message }) => message);
  }
}

test('another address is taken, and told', async (t) => {
  const machine = new Machine(t);
  machine.address = '198.18.0.77';
  await until('it is taken', async () => Promise.resolve(machine.current === '198.18.0.77'));
  t.deepEqual(machine.taken, ['198.18.0.77']);
  t.deepEqual(machine.noticeCodes, []);
  t.deepEqual(machine.messages, ['the underlay address is 198.18.0.77 of eth0 now, and was 198.18.0.1']);
});

test('an address that goes away is a notice until it is back', async (t) => {
  const machine = new Machine(t);
  machine.address = undefined;
  await until('it is missed, and sought again', async () => Promise.resolve(machine.choices > 2));
  t.deepEqual(machine.noticeCodes, ['underlay-lost']);
  t.is(machine.current, '198.18.0.1');
  machine.address = '198.18.0.1';
  await until('it is found', async () => Promise.resolve(machine.noticeCodes.length === 0));
  t.deepEqual(machine.taken, ['198.18.0.1']);
  t.deepEqual(machine.messages, [
    'the underlay address 198.18.0.1 of eth0 is lost: eth0 has no address',
    'the underlay address 198.18.0.1 of eth0 is back',
  ]);
});

test('an address that cannot be taken is tried again', async (t) => {
  const machine = new Machine(t);
  machine.obstacle = 'UDP port 198.18.0.77:4789 is taken';
  machine.address = '198.18.0.77';
  await until('it was tried several times', async () => Promise.resolve(machine.choices > 2));
  t.is(machine.current, '198.18.0.1');
  t.regex(machine.watch.notices()[0]!.message, /198\.18\.0\.1 is lost: UDP port 198\.18\.0\.77:4789 is taken/);
  machine.obstacle = undefined;
  await until('it is taken', async () => Promise.resolve(machine.current === '198.18.0.77'));
  t.deepEqual(machine.noticeCodes, []);
});

test('an address that is chosen and yet not there counts as lost', async (t) => {
  const events = new EventLog(() => 0);
  const watch = new UnderlayWatch({
    underlay: underlay('198.18.0.1'),
    choose: async () => Promise.resolve(underlay('198.18.0.1')),
    isHere: () => false,
    rename: () => undefined,
    take: async () => Promise.reject(new Error('there is nothing to take')),
    events,
    logger: silentLogger,
    intervalMs: INTERVAL_MS,
  });
  await until('it is noticed', async () => Promise.resolve(watch.notices().length > 0));
  t.regex(watch.notices()[0]!.message, /eth0 is down/);
  await watch.stop();
  t.is(events.list().length, 1);
});

test('another MTU is a notice, and nothing else changes', async (t) => {
  const machine = new Machine(t);
  machine.mtuBytes = 1400;
  await until('it is noticed', async () => Promise.resolve(machine.noticeCodes.includes('underlay-mtu-changed')));
  t.deepEqual(machine.taken, []);
  t.is(machine.watch.underlay.mtuBytes, 1400);
});

test('an interface that is renamed goes on under its new name, and no address is lost', async (t) => {
  const machine = new Machine(t, 'eth0');
  machine.device = 'uplink0';
  await until('its name is known', async () => Promise.resolve(machine.watch.underlay.interface === 'uplink0'));
  t.deepEqual(machine.renamed, ['uplink0']);
  t.deepEqual(machine.taken, []);
  t.deepEqual(machine.messages, ['the underlay interface eth0 is named uplink0 now']);
  t.deepEqual(machine.noticeCodes, ['underlay-renamed']);
  t.regex(machine.watch.notices()[0]!.message, /^the underlay interface eth0 is named uplink0 now, .* still says eth0/);
  machine.device = 'eth0';
  await until('it has its old name', async () => Promise.resolve(machine.watch.underlay.interface === 'eth0'));
  t.deepEqual(machine.noticeCodes, []);
});

test('an interface that nobody configured may have any name', async (t) => {
  const machine = new Machine(t);
  machine.device = 'uplink0';
  await until('its name is known', async () => Promise.resolve(machine.watch.underlay.interface === 'uplink0'));
  t.deepEqual(machine.noticeCodes, []);
});

test('an interface that is renamed while it is down comes back under its new name', async (t) => {
  const machine = new Machine(t, 'eth0');
  machine.address = undefined;
  await until('it is missed', async () => Promise.resolve(machine.noticeCodes.includes('underlay-lost')));
  machine.device = 'uplink0';
  machine.address = '198.18.0.1';
  await until('it is found', async () => Promise.resolve(machine.watch.underlay.interface === 'uplink0'));
  t.deepEqual(machine.taken, ['198.18.0.1']);
  t.deepEqual(machine.noticeCodes, ['underlay-renamed']);
  t.deepEqual(machine.messages.slice(1), [
    'the underlay interface eth0 is named uplink0 now',
    'the underlay address 198.18.0.1 of uplink0 is back',
  ]);
});
