/** `bytea[]` parameters as the server reads them in binary, at half the bytes of their text form. Source: `array_recv` of PostgreSQL. */

/** OID of `bytea`. */
const byteaOid = 17;
const headerBytes = 20;

/** The value of one parameter that the statement casts to `bytea[]`. */
export function byteaArray(values: readonly (Uint8Array | null)[]): Buffer {
  const array = Buffer.allocUnsafe(headerBytes + values.reduce((sum, value) => sum + 4 + (value?.length ?? 0), 0));
  // Dimensions, whether there are NULLs, the elements' type; then length and first index of the one dimension.
  array.writeInt32BE(1, 0);
  array.writeInt32BE(values.includes(null) ? 1 : 0, 4);
  array.writeInt32BE(byteaOid, 8);
  array.writeInt32BE(values.length, 12);
  array.writeInt32BE(1, 16);
  let at = headerBytes;
  for (const value of values) {
    at = array.writeInt32BE(value === null ? -1 : value.length, at);
    if (value === null) continue;
    array.set(value, at);
    at += value.length;
  }
  return array;
}
