/** What a node says of a packet to an address of a service, as it was told: checked, since its weft may be of another version. */
import * as v from 'valibot';
import { type ExplainedStep, type Fate, fates } from '../../explain/explanation.ts';
import type { IpAddress } from '../../wire/address.ts';
import { MAX_PORT } from '../../wire/udp.ts';
import { parseTold } from '../remote/told-answer.ts';
import { toldAddress } from './explain-request.ts';
import { toldStep } from './told-stage.ts';

/** What becomes of the packet there. */
export interface ToldChoice {
  readonly step: ExplainedStep;
  /** `null`: it goes on, to {@link backend}. */
  readonly fate: Fate | null;
  readonly backend: { readonly address: IpAddress; readonly port: number } | undefined;
}

const told = v.object({
  choice: v.nullable(
    v.object({
      step: toldStep,
      fate: v.nullable(v.picklist(fates)),
      backend: v.nullable(
        v.object({ address: toldAddress, port: v.pipe(v.number(), v.integer(), v.maxValue(MAX_PORT)) }),
      ),
    }),
  ),
});

/** What `node` told; `undefined`: the packet is for no service. @throws WeftError `remote-unsupported` if it is no such answer */
export function parseToldChoice(node: string, answer: unknown): ToldChoice | undefined {
  const { choice } = parseTold(told, node, answer, 'explains');
  if (choice === null) return undefined;
  return { ...choice, backend: choice.backend ?? undefined };
}
