/** Bytes from a source that is asked only as fast as the reader reads. */

/** A response over chunks; its first chunk is awaited, so that a refusal is still a problem document. */
export async function streamBytes(
  source: AsyncGenerator<Uint8Array>,
  headers: Readonly<Record<string, string>>,
): Promise<Response> {
  const first = await source.next();
  let ahead: Promise<IteratorResult<Uint8Array>> | undefined = Promise.resolve(first);
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        for (;;) {
          const next = await (ahead ?? source.next());
          if (next.done === true) return controller.close();
          ahead = source.next();
          ahead.catch(() => undefined);
          if (next.value.length > 0) return controller.enqueue(next.value);
        }
      },
      async cancel() {
        await source.return(undefined);
      },
    },
    { highWaterMark: 1 },
  );
  return new Response(body, { headers });
}
