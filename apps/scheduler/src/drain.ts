/** Milliseconds that a shutdown waits for work in flight; its leases outlive it and are taken up by who comes next. */
const drainMs = 2_000;

/** Resolves when all of the work has settled, or when that has taken too long. */
export async function drained(work: Iterable<Promise<void>>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, drainMs);
  });
  await Promise.race([Promise.allSettled(work), late]);
  clearTimeout(timer);
}
