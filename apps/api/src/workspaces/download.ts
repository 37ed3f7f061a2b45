/** A download of the workspace service as chunks. */

import type { MessageInitShape } from '@bufbuild/protobuf';
import type { OpenDownloadRequestSchema } from '@sallyport/contracts/workspace/v1/workspace';
import type { Services } from '../services.ts';
import type { Asker } from '../session/asker.ts';

const timeoutMs = 120_000;

/** Opens a download and reads it to its end. */
export async function* downloadChunks(
  services: Services,
  asker: Asker,
  request: MessageInitShape<typeof OpenDownloadRequestSchema>,
): AsyncGenerator<Uint8Array> {
  const { download } = await asker.call('workspace', (options) =>
    services.workspace.openDownload(request, { ...options, timeoutMs }),
  );
  for (;;) {
    const { data, end } = await asker.call('workspace', (options) =>
      services.workspace.readDownload({ download }, { ...options, timeoutMs }),
    );
    yield data;
    if (end) return;
  }
}
