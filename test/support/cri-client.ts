/** A client of a container runtime, as the kubelet is one: the Container Runtime Interface (CRI, v1) over its Unix socket. */
import { fileURLToPath } from 'node:url';
import { Client, credentials } from '@grpc/grpc-js';
import protobuf from 'protobufjs';

const service = protobuf
  .loadSync(fileURLToPath(new URL('cri.proto', import.meta.url)))
  .lookupService('runtime.v1.RuntimeService');

const PATH = '/runtime.v1.RuntimeService';

/** No operation of a test takes as long, on a busy machine neither. */
const DEADLINE_MS = 60_000;

/** Its answers, as plain objects with defaults. */
type Message = Record<string, unknown>;

/** What a sandbox is made of. */
export interface SandboxConfig {
  readonly name: string;
  readonly namespace: string;
  /** Different for each sandbox of one pod. */
  readonly uid: string;
  readonly cgroupParent: string;
  /** Ports of the node that lead to ports of the pod. */
  readonly ports?: readonly { readonly hostPort: number; readonly containerPort: number }[];
}

export class CriClient {
  readonly #client: Client;
  /** That were made. */
  readonly #sandboxes = new Set<string>();

  constructor(socket: string) {
    // The name is nobody's: containerd refuses the path of a socket as one.
    this.#client = new Client(`unix://${socket}`, credentials.createInsecure(), {
      'grpc.default_authority': 'localhost',
    });
  }

  close(): void {
    this.#client.close();
  }

  /** Whether the runtime's network is ready, in its own words: `true`, or why not. */
  async networkReady(): Promise<true | string> {
    const { status } = await this.#call('Status', {});
    const { conditions } = status as { conditions: { type: string; status: boolean; message: string }[] };
    const network = conditions.find(({ type }) => type === 'NetworkReady');
    return network?.status === true || (network?.message ?? 'it does not say');
  }

  /** @returns the id of the sandbox. */
  async runSandbox(config: SandboxConfig): Promise<string> {
    const { podSandboxId } = await this.#call('RunPodSandbox', { config: sandboxOf(config) });
    this.#sandboxes.add(String(podSandboxId));
    return String(podSandboxId);
  }

  /** The addresses of a sandbox, the first one first. */
  async addressesOf(sandbox: string): Promise<string[]> {
    const { status } = await this.#call('PodSandboxStatus', { podSandboxId: sandbox });
    const { network } = status as { network: { ip: string; additionalIps?: { ip: string }[] } };
    return [network.ip, ...(network.additionalIps ?? []).map(({ ip }) => ip)];
  }

  async isReady(sandbox: string): Promise<boolean> {
    const { status } = await this.#call('PodSandboxStatus', { podSandboxId: sandbox });
    return ((status as { state?: number }).state ?? 0) === 0;
  }

  async stopSandbox(sandbox: string): Promise<void> {
    await this.#call('StopPodSandbox', { podSandboxId: sandbox });
  }

  async removeSandbox(sandbox: string): Promise<void> {
    await this.#call('RemovePodSandbox', { podSandboxId: sandbox });
  }

  /** Ids of all sandboxes that were made, those that were removed included. */
  get sandboxes(): readonly string[] {
    return [...this.#sandboxes];
  }

  /** Makes a container in a sandbox, and starts it. @returns its id. */
  async runContainer(
    sandbox: string,
    config: SandboxConfig,
    name: string,
    image: string,
    command: readonly string[],
  ): Promise<string> {
    const { containerId } = await this.#call('CreateContainer', {
      podSandboxId: sandbox,
      config: { metadata: { name }, image: { image }, command },
      sandboxConfig: sandboxOf(config),
    });
    await this.#call('StartContainer', { containerId });
    return String(containerId);
  }

  /** Runs a command in a container. */
  async exec(
    container: string,
    ...cmd: readonly string[]
  ): Promise<{ exitCode: number; stdout: string; stderr: string }> {
    const { exitCode, stdout, stderr } = await this.#call('ExecSync', { containerId: container, cmd, timeout: 20 });
    return { exitCode: Number(exitCode), stdout: textOf(stdout), stderr: textOf(stderr) };
  }

  async #call(name: string, request: Message): Promise<Message> {
    const method = service.methods[name]!;
    method.resolve();
    const [input, output] = [method.resolvedRequestType!, method.resolvedResponseType!];
    return await new Promise((resolve, reject) => {
      this.#client.makeUnaryRequest<Message, Message>(
        `${PATH}/${name}`,
        (value) => Buffer.from(input.encode(input.fromObject(value)).finish()),
        (bytes) => output.toObject(output.decode(bytes), { defaults: true }),
        request,
        { deadline: Date.now() + DEADLINE_MS },
        (error, answer) => (error === null ? resolve(answer!) : reject(error)),
      );
    });
  }
}

function sandboxOf({ name, namespace, uid, cgroupParent, ports = [] }: SandboxConfig): Message {
  return {
    metadata: { name, namespace, uid, attempt: 0 },
    portMappings: ports.map((port) => ({ protocol: 0, ...port })),
    linux: { cgroupParent },
  };
}

function textOf(bytes: unknown): string {
  return Buffer.from(bytes as Uint8Array).toString();
}
