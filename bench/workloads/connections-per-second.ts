/** New TCP connections, each for one small request and its answer; sixteen at a time. */
import { reportOf, startAnswering, startGenerator } from '../generator.ts';
import type { ConnectionTask } from '../programs/connection-client.ts';
import type { EchoTask } from '../programs/echo-server.ts';
import { MEASURE_MS, type Subject, type Workload } from '../workload.ts';

const PORT = 9_002;

export const connectionsPerSecond: Workload = {
  name: 'connections-per-second',
  measures: [{ id: 'connections-per-second', title: 'TCP connections', unit: '1/s', better: 'more' }],
  async run({ site }: Subject): Promise<readonly number[]> {
    const serve: EchoTask = { protocol: 'tcp', port: PORT, once: true };
    const server = await startAnswering('echo-server', serve, site.b.podNetns);
    try {
      const ask: ConnectionTask = { address: site.b.podAddress, port: PORT, durationMs: MEASURE_MS };
      const client = startGenerator('connection-client', ask, site.a.podNetns);
      const report = await reportOf<{ connections: number; durationMs: number }>(client);
      return [report.connections / (report.durationMs / 1000)];
    } finally {
      await server.stop();
    }
  },
};
