/** A pack to the workspace service, chunk by chunk, each confirmed before the next. */

import { open } from 'node:fs/promises';
import type { BusClient, CallOptions } from '@sallyport/bus/handlers';
import type { WorkspaceService } from '@sallyport/contracts/workspace/v1/workspace';
import type { CapturedTree } from './capture-tree.ts';

type Client = Pick<BusClient<typeof WorkspaceService>, 'beginUpload' | 'writeUpload'>;

const chunkBytes = 512 * 1024;

/** @returns the id of the finished upload. */
export async function sendPack(
  client: Client,
  workspace: string,
  captured: CapturedTree,
  call: CallOptions,
): Promise<string> {
  const { size, sha256 } = captured;
  const { upload } = await client.beginUpload({ size: BigInt(size), sha256, workspace }, call);
  const file = await open(captured.pack, 'r');
  try {
    for (let offset = 0; offset < size; ) {
      const data = Buffer.allocUnsafe(Math.min(chunkBytes, size - offset));
      const { bytesRead } = await file.read(data, 0, data.length, offset);
      if (bytesRead === 0) throw new Error('the pack is shorter than it was when it was finished');
      await client.writeUpload({ upload, offset: BigInt(offset), data: data.subarray(0, bytesRead) }, call);
      offset += bytesRead;
    }
    return upload;
  } finally {
    await file.close();
  }
}
