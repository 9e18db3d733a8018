/**
 * Follows the underlay address while the daemon runs: DHCP gives another one, a container starts again, two nodes
 * exchange theirs.
 *
 *     held --address is gone--> lost --it is back, or there is another--> held
 *     held --the device has another name--> held
 *
 * A look costs no process as long as the address is there. Only when it is gone is the choice made anew, by the rules of
 * the start: a second address beside it changes nothing. The family stays: devices and peers are set up for its overhead.
 */
import { networkInterfaces } from 'node:os';
import type { Logger } from '../../env/logger.ts';
import { isShortage } from '../../linux/shortage.ts';
import { equalIpAddresses, formatIpAddress, parseIpAddress } from '../../wire/address.ts';
import type { Notice } from '../../api/control-api.ts';
import type { EventSink } from '../process/event-log.ts';
import type { Underlay } from './underlay.ts';

/** How often it is looked at, in ms. */
const INTERVAL_MS = 1_000;

/** Looks from one at the MTU to the next. That costs a process or two. */
const LOOKS_PER_MTU = 60;

export interface UnderlayWatchOptions {
  /** What was chosen at the start. */
  readonly underlay: Underlay;
  /** What `underlay.interface` says. */
  readonly configuredInterface?: string | undefined;
  /** Chooses anew, as at the start, but for a device in use that has another name. Rejects if there is nothing to choose. */
  readonly choose: (inUse: Underlay) => Promise<Underlay>;
  /**
   * Takes the address that was found, which may be the one from before: sockets, and what others are told. It is tried
   * again after a while if it rejects.
   */
  readonly take: (underlay: Underlay) => Promise<void>;
  /** The same address, of the same device, which has another name now: sockets stay. */
  readonly rename: (underlay: Underlay) => void;
  /** Whether the device has the address, and is up. */
  readonly isHere?: (underlay: Underlay) => boolean;
  readonly events: EventSink;
  readonly logger: Logger;
  readonly intervalMs?: number;
}

export class UnderlayWatch {
  readonly #options: UnderlayWatchOptions;
  readonly #isHere: (underlay: Underlay) => boolean;
  readonly #mtuAtStart: number;
  readonly #timer: NodeJS.Timeout;
  #underlay: Underlay;
  /** Why no address is in use now. */
  #problem: string | undefined;
  #looks = 0;
  #round: Promise<void> = Promise.resolve();
  #isBusy = false;

  /** Looks from now on, until {@link stop}. */
  constructor(options: UnderlayWatchOptions) {
    this.#options = options;
    this.#isHere = options.isHere ?? isAddressHere;
    this.#underlay = options.underlay;
    this.#mtuAtStart = options.underlay.mtuBytes;
    this.#timer = setInterval(() => this.#begin(), options.intervalMs ?? INTERVAL_MS);
    this.#timer.unref();
  }

  /** Looks now, as something changed: with the timer alone it would be noticed a second later. */
  hear(): void {
    this.#begin();
  }

  /** In use now, or until it was lost. */
  get underlay(): Underlay {
    return this.#underlay;
  }

  /** That the address is lost; that the MTU is not the one that the overlay was made for; that the configuration has an old name. */
  notices(): Notice[] {
    const { interface: device, address, mtuBytes } = this.#underlay;
    const { configuredInterface: configured } = this.#options;
    const notices: Notice[] = [];
    if (this.#problem !== undefined) {
      const message = `the underlay address ${formatIpAddress(address)} is lost: ${this.#problem}`;
      notices.push({ code: 'underlay-lost', message });
    }
    if (mtuBytes !== this.#mtuAtStart) {
      const message = `the MTU of ${device} is ${mtuBytes}, and was ${this.#mtuAtStart} at the start: devices and pods keep theirs until the daemon is started again`;
      notices.push({ code: 'underlay-mtu-changed', message });
    }
    if (configured !== undefined && configured !== device) {
      const message = `the underlay interface ${configured} is named ${device} now, and underlay.interface still says ${configured}: that is what the daemon looks for when it is started again`;
      notices.push({ code: 'underlay-renamed', message });
    }
    return notices;
  }

  /** Ends after the look that is under way. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#round;
  }

  #begin(): void {
    if (this.#isBusy) return;
    this.#isBusy = true;
    this.#round = this.#look().finally(() => {
      this.#isBusy = false;
    });
  }

  async #look(): Promise<void> {
    if (this.#problem !== undefined || !this.#isHere(this.#underlay)) await this.#seek();
    else if (++this.#looks % LOOKS_PER_MTU === 0) await this.#lookAtMtu();
  }

  async #seek(): Promise<void> {
    const { choose, take, rename } = this.#options;
    const before = this.#underlay;
    const wasHeld = this.#problem === undefined;
    try {
      const found = await choose(before);
      if (!this.#isHere(found)) throw new Error(`${found.interface} is down`);
      if (wasHeld && isRenamed(found, before)) rename(found);
      else await take(found);
      this.#problem = undefined;
      this.#underlay = found;
    } catch (error) {
      this.#problem = error instanceof Error ? error.message : String(error);
      if (wasHeld) this.#reportLoss(this.#problem);
      return;
    }
    if (this.#underlay.index === before.index && this.#underlay.interface !== before.interface)
      this.#reportName(before);
    if (!wasHeld || !isRenamed(this.#underlay, before)) this.#reportFind(before);
  }

  /** A choice that falls on another device is none about this one. */
  async #lookAtMtu(): Promise<void> {
    const found = await this.#options.choose(this.#underlay).catch(() => undefined);
    if (found?.interface === this.#underlay.interface) {
      this.#underlay = { ...this.#underlay, mtuBytes: found.mtuBytes };
    }
  }

  #reportLoss(problem: string): void {
    const { events, logger } = this.#options;
    const { interface: device } = this.#underlay;
    const address = formatIpAddress(this.#underlay.address);
    logger.warn({ interface: device, address, problem }, 'underlay address lost');
    const message = `the underlay address ${address} of ${device} is lost: ${problem}`;
    events.add('underlay-changed', { subject: device, message, details: { before: address, after: null } });
  }

  #reportName(before: Underlay): void {
    const { events, logger } = this.#options;
    const { interface: device } = this.#underlay;
    logger.warn({ interface: device, before: before.interface }, 'underlay interface renamed');
    const message = `the underlay interface ${before.interface} is named ${device} now`;
    events.add('underlay-changed', { subject: device, message, details: { before: before.interface, after: device } });
  }

  #reportFind({ address }: Underlay): void {
    const { events, logger } = this.#options;
    const { interface: device, reason } = this.#underlay;
    const before = formatIpAddress(address);
    const after = formatIpAddress(this.#underlay.address);
    logger.info({ interface: device, address: after, before, reason }, 'underlay address found');
    const message =
      after === before
        ? `the underlay address ${after} of ${device} is back`
        : `the underlay address is ${after} of ${device} now, and was ${before}`;
    events.add('underlay-changed', { subject: device, message, details: { before, after } });
  }
}

/** Whether the name is another one, and nothing else is. */
function isRenamed(found: Underlay, before: Underlay): boolean {
  return (
    found.index === before.index &&
    found.interface !== before.interface &&
    equalIpAddresses(found.address, before.address)
  );
}

/** By getifaddrs(3). A device that is down, or has no carrier, is not among these. */
function isAddressHere({ interface: device, address }: Underlay): boolean {
  const present = presentInterfaces();
  // What cannot be looked at is not gone.
  if (present === undefined) return true;
  return (present[device] ?? []).some((own) => {
    const ownAddress = parseIpAddress(own.address);
    return ownAddress !== undefined && equalIpAddresses(ownAddress, address);
  });
}

/** `undefined`: there is nothing left to ask the kernel with. */
function presentInterfaces(): ReturnType<typeof networkInterfaces> | undefined {
  try {
    return networkInterfaces();
  } catch (error) {
    if (!isShortage(error, 'look at the addresses of this machine')) throw error;
    return undefined;
  }
}
