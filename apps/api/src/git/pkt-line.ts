/** The first lines of a smart-HTTP advertisement (gitprotocol-http). */

const service = '001e# service=git-upload-pack\n0000';

/** An advertisement with its service line: protocol 0 and 1 begin with one, protocol 2 has none. */
export async function* announced(bytes: AsyncGenerator<Uint8Array>, protocol: string): AsyncGenerator<Uint8Array> {
  let first = true;
  for await (const chunk of bytes) {
    if (first && protocol !== 'version=2' && !startsWith(chunk, service)) yield Buffer.from(service);
    first = false;
    yield chunk;
  }
}

const startsWith = (chunk: Uint8Array, text: string): boolean =>
  Buffer.from(chunk.buffer, chunk.byteOffset, Math.min(chunk.length, text.length)).toString('latin1') === text;
