/**
 * What names, labels and ports may look like, in the words of Kubernetes (k8s.io/apimachinery, util/validation). Each gives what is wrong
 * with a text, completing `FIELD: Invalid value: "…": `; nothing is wrong with most.
 */

/** Of a label's value, of the part of a key behind the slash, and of a label of DNS (RFC 1123, section 2.1). */
const MAX_PART_LENGTH = 63;

/** Of a name of an object, and of the part of a key before the slash. */
const MAX_SUBDOMAIN_LENGTH = 253;

/** Of a name of a port (RFC 6335, section 5.1). */
const MAX_PORT_NAME_LENGTH = 15;

const DNS_LABEL = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
const SUBDOMAIN = String.raw`${DNS_LABEL}(\.${DNS_LABEL})*`;
const PART = '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]';
const PART_RULE = `consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character`;

/** One that starts with a letter (RFC 1035, section 2.3.1). */
const OLD_DNS_LABEL = '[a-z]([-a-z0-9]*[a-z0-9])?';

const isDnsLabel = matcher(DNS_LABEL);
const isOldDnsLabel = matcher(OLD_DNS_LABEL);
const isSubdomain = matcher(SUBDOMAIN);
const isPart = matcher(PART);
const isLabelValue = matcher(`(${PART})?`);

/** Of an object: `web.v1`. */
export function problemsOfName(name: string): readonly string[] {
  const rule =
    `a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with ` +
    `an alphanumeric character (e.g. 'example.com', regex used for validation is '${SUBDOMAIN}')`;
  return [...tooLong(name, MAX_SUBDOMAIN_LENGTH), ...unless(isSubdomain(name), rule)];
}

/** Of a namespace, or of a port of a Service, which is no name of a port elsewhere: `shop`. */
export function problemsOfDnsLabel(name: string): readonly string[] {
  const rule =
    `a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with ` +
    `an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '${DNS_LABEL}')`;
  const said = isSubdomain(name) ? 'must not contain dots' : rule;
  return [...tooLong(name, MAX_PART_LENGTH), ...unless(isDnsLabel(name), said)];
}

/** Of a Service: `web`. Kubernetes 1.34 takes `1web` as well, if a gate is opened that is closed mostly (`RelaxedServiceNameValidation`). */
export function problemsOfServiceName(name: string): readonly string[] {
  const rule =
    `a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with ` +
    `an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '${OLD_DNS_LABEL}')`;
  return [...tooLong(name, MAX_PART_LENGTH), ...unless(isOldDnsLabel(name), rule)];
}

/** Of a key of labels: `app`, `example.com/app`. */
export function problemsOfLabelKey(key: string): readonly string[] {
  const rule = `must ${PART_RULE} (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '${PART}')`;
  const parts = key.split('/');
  if (parts.length > 2)
    return [`a qualified name ${rule} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`];
  const name = parts.at(-1)!;
  const prefix = parts.length === 2 ? parts[0]! : undefined;
  const ofPrefix = prefix === undefined ? [] : prefix === '' ? ['must be non-empty'] : problemsOfName(prefix);
  const ofName = name === '' ? ['must be non-empty'] : tooLong(name, MAX_PART_LENGTH);
  return [
    ...ofPrefix.map((problem) => `prefix part ${problem}`),
    ...[...ofName, ...unless(isPart(name), rule)].map((problem) => `name part ${problem}`),
  ];
}

/** Of a value of labels, which may be empty. */
export function problemsOfLabelValue(value: string): readonly string[] {
  const rule =
    `a valid label must be an empty string or ${PART_RULE} (e.g. 'MyValue',  or 'my_value',  or '12345', ` +
    `regex used for validation is '(${PART})?')`;
  return [...tooLong(value, MAX_PART_LENGTH), ...unless(isLabelValue(value), rule)];
}

/** Of the name of a port: `http`. */
export function problemsOfPortName(name: string): readonly string[] {
  return [
    ...tooLong(name, MAX_PORT_NAME_LENGTH),
    ...unless(/^[-a-z0-9]+$/.test(name), 'must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)'),
    ...unless(/[a-z]/.test(name), 'must contain at least one letter (a-z)'),
    ...unless(!name.includes('--'), 'must not contain consecutive hyphens'),
    ...unless(!/^-|-$/.test(name), 'must not begin or end with a hyphen'),
  ];
}

/** Of the number of a port. */
export function problemsOfPortNumber(port: number): readonly string[] {
  return unless(port >= 1 && port <= 0xff_ff, 'must be between 1 and 65535, inclusive');
}

function tooLong(text: string, most: number): readonly string[] {
  return unless(text.length <= most, `must be no more than ${most} characters`);
}

function unless(isRight: boolean, problem: string): readonly string[] {
  return isRight ? [] : [problem];
}

function matcher(pattern: string): (text: string) => boolean {
  const whole = new RegExp(`^(?:${pattern})$`);
  return (text) => whole.test(text);
}
