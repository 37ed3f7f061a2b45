/** A grant for specs: of ada to schedule `nightly`, active, unused. */

import type { Grant } from './grant.ts';

export const noon = Date.parse('2026-11-21T12:00:00Z');

export const aGrant = (change: Partial<Grant> = {}): Grant => ({
  id: `grn_${'0'.repeat(26)}`,
  org: 'acme',
  environment: 'main',
  subject: 'usr_ada',
  key: 'key_ada',
  trigger_kind: 'schedule',
  trigger_id: `sch_${'0'.repeat(26)}`,
  trigger_name: 'nightly',
  spec_hash: 'a'.repeat(64),
  scopes: ['run:create', 'grant:write'],
  mounts: [
    { id: 'demo', mode: 'rw' },
    { id: 'company', mode: 'ro' },
  ],
  max_runs: 100,
  max_per_day: 10,
  used_runs: 0,
  day: '',
  used_on_day: 0,
  state: 'active',
  reason: '',
  changed_at: new Date(noon),
  token: 'x.y.z',
  created_at: new Date(noon),
  expires_at: new Date(noon + 86_400_000),
  disabled: false,
  subject_kind: 'user',
  right_lost: false,
  ...change,
});
