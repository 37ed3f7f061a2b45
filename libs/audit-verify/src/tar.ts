/**
 * One tar archive per list of files: POSIX ustar, fixed mode and times, no padding beyond the two end blocks.
 *
 * A reader can therefore rebuild every header from name and size alone, and any other byte is a change.
 */

const block = 512;

/** A file of an archive or directory. */
export interface BundleFile {
  readonly path: string;
  readonly bytes: Uint8Array;
}

/** Bytes from the end of a file's data to the next block. */
export const paddingAfter = (bytes: number): number => (block - (bytes % block)) % block;

/** Size of a header and of each end block. */
export const tarBlock = block;

const octal = (value: number, width: number): string => `${value.toString(8).padStart(width - 1, '0')}\0`;

/** The one header for a name and size; throws a plain Error on a name over 100 bytes or a size over 8 GiB. */
export function tarHeader(path: string, bytes: number): Buffer {
  const header = Buffer.alloc(block);
  if (Buffer.byteLength(path) > 100) throw new Error(`${path} is too long a name for the archive`);
  if (bytes >= 8 ** 11) throw new Error(`${path} is too large for the archive`);
  header.write(path, 0);
  header.write(octal(0o644, 8), 100);
  header.write(octal(0, 8), 108);
  header.write(octal(0, 8), 116);
  header.write(octal(bytes, 12), 124);
  header.write(octal(0, 12), 136);
  header.write('        ', 148);
  header.write('0', 156);
  header.write('ustar\0', 257);
  header.write('00', 263);
  header.write(octal(0, 8), 329);
  header.write(octal(0, 8), 337);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return header;
}

/** Name and size a header states, or undefined when it is not the one header for them. */
export function readTarHeader(header: Uint8Array): { path: string; bytes: number } | undefined {
  const text = Buffer.from(header).toString('latin1');
  const path = text.slice(0, 100).replace(/\0+$/u, '');
  const size = /^([0-7]{11})\0/u.exec(text.slice(124, 136))?.[1];
  if (path === '' || size === undefined) return undefined;
  const bytes = Number.parseInt(size, 8);
  return Buffer.compare(tarHeader(path, bytes), header) === 0 ? { path, bytes } : undefined;
}

/** The archive of files, in their order, as it is produced. */
export async function* toTar(files: AsyncIterable<BundleFile> | Iterable<BundleFile>): AsyncGenerator<Buffer> {
  for await (const { path, bytes } of files) {
    yield Buffer.concat([tarHeader(path, bytes.length), bytes, Buffer.alloc(paddingAfter(bytes.length))]);
  }
  yield Buffer.alloc(2 * block);
}
