/** A kernel that has the table of policies, or that of services, or refuses it, or breaks down. */
import type { PolicyEnforcementOptions } from '../../src/daemon/policy/policy-enforcement.ts';
import { CommandError } from '../../src/errors.ts';
import type { NftDifference } from '../../src/linux/nft-table-look.ts';

export const refusal = new CommandError('nft', 1, 'no room', 'enforce network policies');

type Tables = NonNullable<PolicyEnforcementOptions['tables']>;

export class PolicyTablesDouble implements Tables {
  /** What it took, and what was asked of it. */
  readonly done: string[] = [];
  /** How many transactions it refuses. */
  refusals = 0;
  /** What the next transaction ends with. */
  breakdown: Error | undefined;
  differences: readonly NftDifference[] = [];

  async make(): Promise<void> {
    await this.#transact('make');
    this.differences = [];
  }

  async revise(): Promise<void> {
    await this.#transact('revise');
  }

  async inspect(): Promise<readonly NftDifference[]> {
    return Promise.resolve(this.differences);
  }

  async remove(): Promise<void> {
    await this.#transact('remove');
    this.differences = [];
  }

  forget(): void {
    this.done.push('forget');
  }

  async #transact(what: string): Promise<void> {
    await Promise.resolve();
    const { breakdown } = this;
    this.breakdown = undefined;
    if (breakdown !== undefined) throw breakdown;
    if (this.refusals > 0) {
      this.refusals--;
      throw refusal;
    }
    this.done.push(what);
  }
}
