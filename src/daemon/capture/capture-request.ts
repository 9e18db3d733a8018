/** What somebody wants captured, as it came from outside: parsed once, here. */
import * as v from 'valibot';
import { parseBpfProgram } from '../../capture/bpf-program.ts';
import { hookNamed, hooks } from '../../dataplane/hook.ts';
import type { CaptureFilter, CaptureSpec } from '../../api/capture-api.ts';
import { parseKeys } from '../doors/request-keys.ts';

/** Longest text of a filter; the program that it became has its own limit. */
const MAX_TEXT_LENGTH = 4_096;
/** Fewest bytes of a packet that tell anything: an IPv6 and a TCP header. */
const MIN_SNAPLEN_BYTES = 64;
/** Largest IP packet. */
const MAX_SNAPLEN_BYTES = 65_535;
/** Longest capture of one request: a week. */
const MAX_SECONDS = 604_800;
const MAX_COUNT = 1_000_000_000;

// What another node says goes into logs and onto terminals here.
const name = v.pipe(
  v.string('is not text'),
  v.maxLength(253, 'is too long'),
  v.regex(/^[\u0021-\u007e]+$/, 'is empty, or has characters that no name has'),
);

const filter = v.pipe(
  v.strictObject({
    text: v.pipe(
      v.string('is not text'),
      v.maxLength(MAX_TEXT_LENGTH, 'is too long'),
      v.regex(/^[\u0020-\u007e\s]*$/, 'has characters that no filter has'),
      v.transform((text) => text.replaceAll(/\s+/g, ' ').trim()),
    ),
    program: v.unknown(),
  }),
  v.transform(({ text, program }): CaptureFilter => ({ text, program: parseBpfProgram(program) })),
);

const hook = v.pipe(
  v.string('is not text'),
  v.check(
    (text) => hookNamed(text) !== undefined,
    ({ input }) => `${input} is none of ${hookNames()}`,
  ),
);

const captureSpec = v.strictObject({
  node: v.exactOptional(name),
  filter: v.exactOptional(filter),
  outer: v.exactOptional(filter),
  hooks: v.exactOptional(v.pipe(v.array(hook, 'is not a list'), v.minLength(1, 'is empty'), v.maxLength(hooks.length))),
  pod: v.exactOptional(name),
  peer: v.exactOptional(name),
  dropsOnly: v.exactOptional(v.boolean('is neither true nor false')),
  probes: v.exactOptional(v.boolean('is neither true nor false')),
  snaplenBytes: v.exactOptional(whole(MIN_SNAPLEN_BYTES, MAX_SNAPLEN_BYTES)),
  count: v.exactOptional(whole(1, MAX_COUNT)),
  seconds: v.exactOptional(v.pipe(v.number('is not a number'), v.gtValue(0), v.maxValue(MAX_SECONDS))),
});

/**
 * A specification from JSON.
 *
 * @throws ConfigError naming the key that is wrong; WeftError `filter-invalid`
 */
export function parseCaptureSpec(input: unknown): CaptureSpec {
  return parseKeys(captureSpec, input);
}

/** A specification in words, for logs and people: `tcp port 80, hooks drop`. */
export function describeCapture(spec: CaptureSpec): string {
  const { filter, outer, hooks, pod, peer, dropsOnly, probes, count, seconds } = spec;
  const words = [
    filter === undefined || filter.text === '' ? 'all packets' : filter.text,
    ...(outer === undefined ? [] : [`outer ${outer.text}`]),
    ...(pod === undefined ? [] : [`pod ${pod}`]),
    ...(peer === undefined ? [] : [`peer ${peer}`]),
    ...(dropsOnly === true ? ['drops'] : hooks === undefined ? [] : [`hooks ${hooks.join(' ')}`]),
    ...(probes === true ? ['probes as well'] : []),
    ...(count === undefined ? [] : [`at most ${count}`]),
    ...(seconds === undefined ? [] : [`for ${seconds} s`]),
  ];
  return words.join(', ');
}

/** Names of all hooks, for people. */
function hookNames(): string {
  return hooks.map((entry) => entry.name).join(', ');
}

function whole(min: number, max: number) {
  return v.pipe(
    v.number('is not a number'),
    v.integer(({ input }) => `${input} is not a whole number`),
    v.minValue(min, ({ input }) => `${input} is smaller than ${min}`),
    v.maxValue(max, ({ input }) => `${input} is larger than ${max}`),
  );
}
