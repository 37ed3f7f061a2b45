/** Lists: `?limit=&cursor=` in, `{items, next_cursor, limit}` out. */

import { z } from '@hono/zod-openapi';
import { countSchema } from './endpoint.ts';

const largest = 200;

/** Query of every list; a limit beyond 200 is taken as 200 and the answer says so. */
export const pageQuery = {
  limit: countSchema.optional().openapi({ type: 'integer', maximum: largest }),
  cursor: z.string().max(512).optional(),
};

export const limitOf = (asked: number | undefined): number =>
  Math.min(largest, asked === undefined || asked === 0 ? 50 : asked);

/** Schema of a list of something. */
export const listSchema = (name: string, item: z.ZodType): z.ZodObject =>
  z
    .object({ items: z.array(item), next_cursor: z.string().nullable(), limit: z.int().describe('What was applied') })
    .openapi(`${name}List`);

/** The body of a list. */
export const listBody = <T>(items: readonly T[], nextCursor: string, limit: number) => ({
  items: [...items],
  next_cursor: nextCursor === '' ? null : nextCursor,
  limit,
});
