/** What a stream of pcapng has in it. */
import type { PcapngPacket } from '../../src/capture/pcapng.ts';
import { PcapngReader, type PcapngBlock } from '../../src/capture/pcapng-reader.ts';

/** All blocks of a stream. */
export async function blocksOf(chunks: AsyncIterable<Uint8Array>): Promise<PcapngBlock[]> {
  const reader = new PcapngReader(new TextDecoder());
  const blocks: PcapngBlock[] = [];
  for await (const chunk of chunks) {
    reader.push(chunk);
    for (let block = reader.next(); block !== undefined; block = reader.next()) blocks.push(block);
  }
  return blocks;
}

/** Its packets, with the names of their interfaces. */
export function packetsOf(blocks: readonly PcapngBlock[]): (PcapngPacket & { readonly place: string })[] {
  const names = blocks.flatMap((block) => (block.kind === 'interface' ? [block.interface.name] : []));
  return blocks.flatMap((block) => {
    if (block.kind !== 'packet') return [];
    const { interfaceId, seconds, nanoseconds, bytes, lengthBytes, direction, lost, id, queue, comment } = block.packet;
    const place = names[interfaceId]!;
    return [{ place, interfaceId, seconds, nanoseconds, bytes, lengthBytes, direction, lost, id, queue, comment }];
  });
}

/** How its interfaces fared, by their names. */
export function statisticsOf(blocks: readonly PcapngBlock[]) {
  const names = blocks.flatMap((block) => (block.kind === 'interface' ? [block.interface.name] : []));
  return Object.fromEntries(
    blocks.flatMap((block) =>
      block.kind === 'statistics'
        ? [[names[block.statistics.interfaceId]!, [block.statistics.received, block.statistics.dropped]] as const]
        : [],
    ),
  );
}
