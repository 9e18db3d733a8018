/** Directives <-> bytes (`proto/weft/v1/membership.proto`). */
import type { FieldLimits } from './field-limits.ts';
import { weft } from './generated/weft.js';
import { MAX_DIRECTIVE_CONTENT_BYTES, MAX_DIRECTIVE_VERSION, MAX_SUBJECT_BYTES } from './limits.ts';
import type { AgedDirective, Directive } from './message.ts';

/** Limits of the fields of one directive. */
export const directiveLimits: FieldLimits = {
  1: { maxCount: 1, maxBytes: MAX_SUBJECT_BYTES },
  2: { maxCount: 1, maxBytes: 0 },
  3: { maxCount: 1, maxBytes: MAX_DIRECTIVE_CONTENT_BYTES },
  4: { maxCount: 1, maxBytes: 0 },
};

/** Longest encoded directive that is read, in bytes: with fields that this version does not know. */
export const MAX_DIRECTIVE_BYTES = MAX_SUBJECT_BYTES + MAX_DIRECTIVE_CONTENT_BYTES + 64;

const printableAscii = /^[\u0021-\u007e]+$/;

/** Whether others would take it. */
export function isValidDirective({ subject, version, content }: Directive): boolean {
  const versionIsInRange = Number.isInteger(version) && version >= 1 && version <= MAX_DIRECTIVE_VERSION;
  const subjectIsWord = subject.length <= MAX_SUBJECT_BYTES && printableAscii.test(subject);
  return versionIsInRange && subjectIsWord && content.length <= MAX_DIRECTIVE_CONTENT_BYTES;
}

/** Encodes one directive. */
export function encodeDirective({ directive, ageSeconds }: AgedDirective): Uint8Array {
  return weft.v1.Directive.encode({ ...directive, ageSeconds }).finish();
}

/** The directives in `raws`, or why they are refused. Holds on to nothing of what they came in. */
export function parseDirectives(
  raws: readonly weft.v1.Directive.$Properties[],
): readonly AgedDirective[] | 'directive-invalid' {
  const directives: AgedDirective[] = [];
  for (const raw of raws) {
    const content = Uint8Array.from(raw.content ?? []);
    const directive = { subject: raw.subject ?? '', version: raw.version ?? 0, content };
    if (!isValidDirective(directive)) return 'directive-invalid';
    directives.push({ directive, ageSeconds: raw.ageSeconds ?? 0 });
  }
  return directives;
}
