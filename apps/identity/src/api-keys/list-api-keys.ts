/** The keys of an org, newest first, never their secrets. */

import type { Db } from '@sallyport/store/store';
import { type ApiKey, apiKeyColumns } from './api-key.ts';

export const listApiKeys = (db: Db, org: string): Promise<ApiKey[]> =>
  db.query<ApiKey>(`SELECT ${apiKeyColumns} FROM api_key WHERE org = $1 ORDER BY created_at DESC, id DESC`, [org]);
