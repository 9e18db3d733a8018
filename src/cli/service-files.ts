/** Services out of files of manifests. */
import { readService } from '../services/read-service.ts';
import { serviceKey } from '../services/service-planner.ts';
import { type Manifest, stepsOfProblem } from './manifest-file.ts';
import type { FileRemark, ManifestObject } from './policy-files.ts';

export interface ServiceFiles {
  /** Services as they stand there, in order. */
  readonly objects: readonly ManifestObject[];
  /** What is wrong with the others. */
  readonly remarks: readonly FileRemark[];
}

/** Reads manifests of kind Service. */
export function readServices(manifests: readonly Manifest[]): ServiceFiles {
  const services = new Map<string, { readonly object: ManifestObject; readonly manifest: Manifest }>();
  const remarks: FileRemark[] = [];
  for (const manifest of manifests) {
    const refuse = (text: string): void => {
      remarks.push({ severity: 'error', place: manifest.place(stepsOfProblem(text)), policy: '', text });
    };
    const reading = readService(manifest.value);
    if (reading.service === undefined) {
      reading.problems.forEach(refuse);
      continue;
    }
    const { namespace, name } = reading.service;
    const key = serviceKey(reading.service);
    const other = services.get(key);
    if (other !== undefined) refuse(`metadata.name: a service of this name is in ${other.manifest.place([])}, too`);
    else services.set(key, { object: { kind: 'Service', namespace, name, value: manifest.value }, manifest });
  }
  return { objects: [...services.values()].map(({ object }) => object), remarks };
}
