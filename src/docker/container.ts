/** A container, as its engine describes it. */
import * as v from 'valibot';

const labels = v.nullish(v.record(v.string(), v.string()));

/** Of the engine's description, what is looked at. */
export const containerSchema = v.object({
  Id: v.pipe(v.string(), v.regex(/^[0-9a-f]{12,64}$/)),
  Name: v.string(),
  Image: v.string(),
  State: v.object({ Status: v.string(), Running: v.boolean(), Pid: v.number() }),
  Config: v.object({ Labels: labels }),
  HostConfig: v.object({ NetworkMode: v.string() }),
});

/** The same of an image. */
export const imageSchema = v.object({ Config: v.nullish(v.object({ Labels: labels })) });

export interface Container {
  /** 64 hexadecimal digits. */
  readonly id: string;
  readonly name: string;
  /** `running`, `exited`, `created`, `paused`, `restarting`, `dead`. */
  readonly status: string;
  readonly isRunning: boolean;
  /** Of its first process, in the PID namespace of the engine; 0: there is none. */
  readonly pid: number;
  /** `none`, `host`, `container:ID`, `default`, or the name of a network. */
  readonly networkMode: string;
  /** Those that were given to it. What its image says of itself, its author chose, and no one here. */
  readonly labels: Readonly<Record<string, string>>;
}

export function containerOf(
  document: v.InferOutput<typeof containerSchema>,
  imageLabels: Readonly<Record<string, string>>,
): Container {
  const { Id, Name, State, Config, HostConfig } = document;
  const own = Object.entries(Config.Labels ?? {}).filter(([key, value]) => imageLabels[key] !== value);
  return {
    id: Id,
    name: Name.replace(/^\//, ''),
    status: State.Status,
    isRunning: State.Running && State.Pid > 0,
    pid: State.Pid,
    networkMode: HostConfig.NetworkMode,
    labels: Object.fromEntries(own),
  };
}

/** For messages. The name is whatever somebody called it. */
export function describeContainer({ name, id }: Container): string {
  return `container ${/^[\w.-]{1,128}$/.test(name) ? name : JSON.stringify(name.slice(0, 128))} (${id.slice(0, 12)})`;
}
