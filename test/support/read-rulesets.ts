/**
 * What is read of the firewall of this namespace: `node read-rulesets.ts TABLE...` loads the rules of its input, then reads all of them, and all but
 * each of these tables of `inet`. Each reading is a list of chains and rules, with the statements of these.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { readRuleset } from '../../src/linux/ruleset.ts';

execFileSync('nft', ['-f', '-'], { input: readFileSync(0) });
const readings: string[][] = [];
for (const name of [undefined, ...process.argv.slice(2)]) {
  const { chains } = await readRuleset(undefined, name === undefined ? [] : [{ family: 'inet', name }]);
  readings.push(
    chains
      .flatMap(({ title, base, rules }) => [
        `${title} ${JSON.stringify(base)}`,
        ...rules.map(({ text, removal, statements }) => `${title}: ${text} ${removal} ${JSON.stringify(statements())}`),
      ])
      .toSorted(),
  );
}
process.stdout.write(JSON.stringify(readings));
