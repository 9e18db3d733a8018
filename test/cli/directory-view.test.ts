import test from 'ava';
import { formatDirectory } from '../../src/cli/directory-view.ts';
import { fixedDirectory } from '../support/fixed-handlers.ts';

const terminal = { widthColumns: undefined, colour: false };

test('the pods of the cluster are a table, and nodes whose pods are not known are named', (t) => {
  t.deepEqual(
    formatDirectory(fixedDirectory, terminal)
      .split('\n')
      .map((line) => line.trimEnd()),
    [
      'NAMESPACE  NAME  NODE  STATE       ADDRESSES                    LABELS',
      'default    web   n1    running     10.244.1.2,fd00:10:244:1::2  app=web',
      'shop       db    n2    superseded  10.244.2.2                   -',
      'notice the pods of n3 are not known as they are now, since 90 s',
      'notice n4 runs an earlier version of weft, which does not say which pods it has',
      '',
    ],
  );
});

test('columns that would be empty are left out', (t) => {
  const pods = [{ ...fixedDirectory.pods[0]!, labels: {} }];
  t.is(
    formatDirectory({ pods, missing: [] }, terminal),
    'NAME  NODE  ADDRESSES\nweb   n1    10.244.1.2,fd00:10:244:1::2\n',
  );
  t.is(formatDirectory({ pods: [], missing: [] }, terminal), 'no pods\n');
});
