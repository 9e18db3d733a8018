/** What the control API does with the rulebook. */
import type { Notice } from '../../api/control-api.ts';
import type { GiveReport } from '../../api/rulebook-api.ts';
import { ConflictError } from '../../errors.ts';
import type { Rulebook, RulebookWish } from '../../rulebook/rulebook.ts';
import type { RulebookFile } from './rulebook-file.ts';

/** What the control server asks of it. */
export interface RulebookHandlers {
  /** @throws ConflictError `policies-of-kubernetes`, `policies-unknown`; WeftError `rulebook-full`, `rulebook-object-invalid`, `store-failed`, and as {@link RulebookHandlerParts.complete}: then nothing has changed */
  givePolicies(wishes: readonly RulebookWish[]): Promise<GiveReport>;
}

export interface RulebookHandlerParts {
  readonly rulebook: Pick<Rulebook, 'give'>;
  readonly file: Pick<RulebookFile, 'save'>;
  /** Resolves when it is known what the cluster holds, or that will take longer than somebody waits. */
  readonly known: () => Promise<void>;
  /** Whether policies are those of the Kubernetes API here. */
  readonly isOfKubernetes: boolean;
  /** The same wishes, with what the cluster assigns to what is given. @throws WeftError if that cannot be */
  readonly complete: (wishes: readonly RulebookWish[]) => readonly RulebookWish[];
  /** Resolves when the kernel of this node has followed, or it is known why it has not. */
  readonly enforced: () => Promise<readonly Notice[]>;
}

export function rulebookHandlers(parts: RulebookHandlerParts): RulebookHandlers {
  const { rulebook, file, known, isOfKubernetes, complete, enforced } = parts;
  return {
    givePolicies: async (wishes) => {
      if (isOfKubernetes)
        throw new ConflictError(
          'policies-of-kubernetes',
          'this node takes its policies from Kubernetes: use kubectl apply, or kubectl delete',
        );
      await known();
      const outcomes = rulebook.give(complete(wishes), (entries) => file.save(entries));
      return {
        results: wishes.map(({ kind, namespace, name }, index) => ({
          kind,
          namespace,
          name,
          outcome: outcomes[index]!,
        })),
        notices: await enforced(),
      };
    },
  };
}
