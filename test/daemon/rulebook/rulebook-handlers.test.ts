import test from 'ava';
import { rulebookHandlers } from '../../../src/daemon/rulebook/rulebook-handlers.ts';
import type { RulebookWish } from '../../../src/rulebook/rulebook.ts';
import { policyOf } from '../../../src/sim/policy-manifest.ts';

function handlers(isOfKubernetes: boolean) {
  const story: string[] = [];
  const made = rulebookHandlers({
    rulebook: {
      give: (wishes: readonly RulebookWish[], store) => {
        store([]);
        story.push('given');
        return wishes.map(() => 'created');
      },
    },
    file: { save: () => story.push('saved') },
    known: async () => {
      story.push('known');
      return Promise.resolve();
    },
    isOfKubernetes,
    complete: (wishes) => wishes,
    enforced: async () => {
      story.push('enforced');
      return Promise.resolve([]);
    },
  });
  return { made, story };
}

test('what is given waits until it is known what there is, is stored, and answered when it is enforced', async (t) => {
  const { made, story } = handlers(false);
  const { results } = await made.givePolicies([policyOf(1)]);
  t.deepEqual(results, [{ kind: 'NetworkPolicy', namespace: 'shop', name: 'allow-1', outcome: 'created' }]);
  t.deepEqual(story, ['known', 'saved', 'given', 'enforced']);
});

test('with Kubernetes nothing is given', async (t) => {
  const { made, story } = handlers(true);
  await t.throwsAsync(made.givePolicies([policyOf(1)]), { code: 'policies-of-kubernetes' });
  t.deepEqual(story, []);
});
