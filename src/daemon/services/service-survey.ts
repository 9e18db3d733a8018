/** What the doctor is told of services: what is suspicious about them, of all that is known of pods now. */
import type { ServiceFacts, SomeOf } from '../../doctor/facts.ts';
import type { ServicePlanner } from '../../services/service-planner.ts';
import type { ShownService } from '../../services/service-record.ts';
import { type ServiceSuspicion, suspicionsOfServices } from '../../services/service-suspicions.ts';
import { MAX_WORK_MS, SlicedWork } from '../process/sliced-work.ts';

/** Of one kind, so many are told; the others are counted. */
const MAX_TOLD = 8;

export interface ServiceSurveyOptions {
  /** By their keys. */
  readonly services: ReadonlyMap<string, ShownService>;
  readonly planner: Pick<ServicePlanner, 'backends' | 'refused' | 'cut'>;
  /** Why not all services and pods are known; empty: they are. */
  readonly ignorance: string;
  /** Monotonic, in ms. */
  readonly nowMs: () => number;
}

/** What was found, and why that may not be all; empty: it is. */
export interface ServiceSurvey {
  readonly facts: ServiceFacts;
  readonly unseen: string;
}

const nothing: SomeOf<ServiceSuspicion> = { some: [], count: 0 };

/** Finds it, in the order of the services' names. Takes a second of the main thread at most, in slices. */
export async function surveyServices({
  services,
  planner,
  ignorance,
  nowMs,
}: ServiceSurveyOptions): Promise<ServiceSurvey> {
  const count = [...services.values()].filter(({ isHeadless }) => !isHeadless).length;
  if (ignorance !== '')
    return { facts: { count, withoutBackend: nothing, taken: nothing, cut: nothing }, unseen: ignorance };
  // All nodes are to name the same ones.
  const inOrder = [...services].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, service]) => service);
  const found = new Map<ServiceSuspicion['kind'], { some: ServiceSuspicion[]; count: number }>();
  const work = new SlicedWork(nowMs);
  await work.take(suspicionsOfServices(inOrder, planner), (suspicion) => {
    const known = found.get(suspicion.kind) ?? { some: [], count: 0 };
    if (known.some.length < MAX_TOLD) known.some.push(suspicion);
    known.count++;
    found.set(suspicion.kind, known);
  });
  return {
    facts: {
      count,
      withoutBackend: found.get('no-backend') ?? nothing,
      taken: found.get('address-taken') ?? nothing,
      cut: found.get('cut') ?? nothing,
    },
    unseen: work.isOver ? `there are too many services to look at all of them within ${MAX_WORK_MS} ms` : '',
  };
}
