/** Policies by their titles, and by where their pods may be. */
import { type Policy, titleOf } from './policy.ts';

export class PolicyIndex {
  readonly #byTitle = new Map<string, Policy>();
  readonly #byNamespace = new Map<string, Map<string, Policy>>();
  /** Those whose namespaces are selected by labels. */
  readonly #byLabels = new Map<string, Policy>();

  get(title: string): Policy | undefined {
    return this.#byTitle.get(title);
  }

  set(policy: Policy): void {
    const title = titleOf(policy);
    this.remove(title);
    this.#byTitle.set(title, policy);
    const { namespaces } = policy.subject;
    if (typeof namespaces !== 'string') {
      this.#byLabels.set(title, policy);
      return;
    }
    const there = this.#byNamespace.get(namespaces);
    if (there === undefined) this.#byNamespace.set(namespaces, new Map([[title, policy]]));
    else there.set(title, policy);
  }

  remove(title: string): void {
    const namespaces = this.#byTitle.get(title)?.subject.namespaces;
    this.#byTitle.delete(title);
    this.#byLabels.delete(title);
    if (typeof namespaces !== 'string') return;
    const there = this.#byNamespace.get(namespaces);
    there?.delete(title);
    if (there?.size === 0) this.#byNamespace.delete(namespaces);
  }

  all(): Iterable<Policy> {
    return this.#byTitle.values();
  }

  /** Those that may select pods of a namespace. */
  *about(namespace: string): Generator<Policy, void> {
    yield* this.#byNamespace.get(namespace)?.values() ?? [];
    yield* this.#byLabels.values();
  }
}
