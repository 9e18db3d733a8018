/** Whether the daemon, and the machine, have enough left of what they need: descriptors, processes, memory. */
import { describeTaskLimit, type TaskLimit } from '../../linux/task-limits.ts';
import { byHand, found, type FindingKinds, type HostCheck } from '../check.ts';
import type { Facts } from '../facts.ts';
import type { Finding } from '../finding.ts';

const finds: FindingKinds = {
  'resources-short': {
    severity: 'error',
    title: 'there was nothing left of something that the daemon needs: some of what it does was not done',
    cause: 'a limit that is too low for this node, or another program that takes all there is',
  },
  'descriptors-nearly-exhausted': {
    severity: 'warning',
    title: 'the daemon has nearly all of its file descriptors open: soon it can start no program and open no file',
    cause: 'a limit that is too low for this node, or a leak: please report it',
    follows: ['resources-short'],
  },
  'processes-nearly-exhausted': {
    severity: 'warning',
    title:
      'hardly any more processes can be started: soon weft can change nothing in the kernel, and pods cannot be added',
    cause: 'a program that starts processes and does not end them, or a limit that is too low for this node',
    follows: ['resources-short'],
  },
  'files-nearly-exhausted': {
    severity: 'warning',
    title: 'nearly all files that this machine may have open are open',
    cause: 'a program that opens files and does not close them, or fs.file-max is too low',
    follows: ['resources-short'],
  },
  'descriptors-few': {
    severity: 'warning',
    title: 'the daemon may open few file descriptors: fewer clients than usual are let in at a time',
    cause: 'RLIMIT_NOFILE is low: ulimit -n of the shell that started it, LimitNOFILE= of its unit, or its container',
    follows: ['descriptors-nearly-exhausted'],
  },
  'not-looked-at': {
    severity: 'error',
    title: 'a part of this node could not be looked at: what is wrong there is not known',
    cause: 'a program of the system failed, or could not be started',
    follows: ['resources-short', 'processes-nearly-exhausted', 'descriptors-nearly-exhausted', 'program-missing'],
  },
};

/** From here on, little is left: a tenth, and no more than a burst of programs takes. */
const NEARLY = 0.9;
const LEAST_LEFT = 16;
/** What the daemon keeps for itself is about 100: with less than half of that, something leaks. */
const LEAST_DESCRIPTORS_LEFT = 48;

export const resources: HostCheck = {
  subject: 'descriptors, processes and files that are left',
  needs: 'host',
  finds,
  look: (facts) => [
    ...said(
      facts,
      'resources-short',
      'raise the limit that is named above, or end what takes all there is',
      'weft events',
    ),
    ...descriptorFindings(facts),
    ...taskFindings(facts.host.limits.tasks.filter(isNearlyExhausted)),
    ...fileFindings(facts),
    ...said(
      facts,
      'descriptors-few',
      'raise LimitNOFILE= of the unit, or --ulimit nofile= of the container, and start it again',
    ),
    ...unseenFindings(facts),
  ],
};

/** What the daemon itself says. */
function said({ daemon }: Facts, id: string, remedy: string, ...commands: readonly string[]): Finding[] {
  if ('absence' in daemon) return [];
  const evidence = daemon.notices.filter(({ code }) => code === id).map(({ message }) => message);
  return evidence.length === 0 ? [] : [found(finds, id, evidence, byHand(remedy, ...commands))];
}

/** Of the process that looks: where no daemon answers, that is nobody of interest. */
function descriptorFindings({ daemon, host: { limits } }: Facts): Finding[] {
  const { open, limit } = limits.descriptors;
  if ('absence' in daemon || (limit - open >= LEAST_DESCRIPTORS_LEFT && open < NEARLY * limit)) return [];
  const evidence = [`${open} of ${limit} descriptors are open (RLIMIT_NOFILE)`];
  const fix = byHand(
    'raise LimitNOFILE= of the unit, or --ulimit nofile= of the container, and start it again',
    'systemctl edit weft',
  );
  return [found(finds, 'descriptors-nearly-exhausted', evidence, fix)];
}

function taskFindings(limits: readonly TaskLimit[]): Finding[] {
  if (limits.length === 0) return [];
  const fix = byHand(
    `find out who has so many; ${limits.map(({ remedy }) => remedy).join('; ')}`,
    'ps -eLo user,comm --no-headers | sort | uniq -c | sort -rn | head',
  );
  return [found(finds, 'processes-nearly-exhausted', limits.map(describeTaskLimit), fix)];
}

function isNearlyExhausted({ used, limit }: TaskLimit): boolean {
  return limit - used < LEAST_LEFT || used >= NEARLY * limit;
}

function fileFindings({ host }: Facts): Finding[] {
  const { used, limit } = host.limits.files;
  if (used < NEARLY * limit) return [];
  const evidence = [`${used} of ${limit} files are open on this machine (fs.file-max)`];
  const fix = byHand(
    'find out who has so many open, or raise the limit',
    'lsof -n | cut -d" " -f1 | sort | uniq -c | sort -rn | head',
    `sysctl -w fs.file-max=${2 * limit}`,
  );
  return [found(finds, 'files-nearly-exhausted', evidence, fix)];
}

function unseenFindings({ host, daemon }: Facts): Finding[] {
  const unseen = { ...host.unseen, ...('absence' in daemon ? {} : daemon.unseen) };
  const evidence = [...new Set(Object.values(unseen))];
  if (evidence.length === 0) return [];
  return [found(finds, 'not-looked-at', evidence, byHand('see what the evidence says, then ask the doctor again'))];
}
