/** What a daemon needs of its machine to run at all, and how it lives with having too little: see its parts. */
import type { Logger } from '../env/logger.ts';
import { descriptorLimit, openDescriptors } from '../linux/descriptors.ts';
import type { Notice } from '../api/control-api.ts';
import type { Config } from './config/config.ts';
import { workersOf } from './compose-threads.ts';
import type { DoorSources } from './doors/door-metrics.ts';
import { Doors } from './control/doors.ts';
import type { EventSink } from './process/event-log.ts';
import { Shortages } from './process/shortages.ts';
import { systemClock } from './process/system-environment.ts';

export class Resources {
  readonly doors: Doors;
  readonly shortages: Shortages;

  constructor(config: Config, events: EventSink, logger: Logger) {
    this.doors = new Doors(workersOf(config), logger);
    this.shortages = new Shortages({ nodeName: config.nodeName, events, logger, nowMs: () => systemClock.nowMs() });
  }

  get metrics(): DoorSources {
    return { doors: this.doors.open, shortages: this.shortages, openDescriptors, descriptorLimit };
  }

  /** What there is too little of. */
  notices(): Notice[] {
    return [...this.doors.descriptors.notices(), ...this.shortages.notices()];
  }

  /** Whether it can go on after an error that nobody caught: it was for want of descriptors, processes or memory. */
  survives(error: unknown): boolean {
    return this.shortages.note('do what was due', error);
  }

  /** At the very end. Doors are closed before what they ask. */
  close(): void {
    this.shortages.close();
  }
}
