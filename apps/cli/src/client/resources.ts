/** What the API answers, as far as the CLI looks at it. Words are open: an unknown state is shown, not refused. */

export interface Mount {
  readonly workspace: string;
  readonly mode: string;
}

export interface Committed {
  readonly workspace: string;
  readonly commit: string;
  readonly files: number;
}

export interface Run {
  readonly id: string;
  readonly state: string;
  readonly task_state?: string;
  readonly reason: string;
  readonly message: string;
  readonly role: string;
  readonly runner: string;
  readonly since?: string;
  readonly created_at?: string;
  readonly ended_at?: string;
  readonly dispatch: string;
  readonly mounts: readonly Mount[];
  readonly verdict?: string;
  readonly exit_code?: number;
  readonly reply: string;
  readonly session?: string;
  readonly stay?: boolean;
  readonly commits: readonly Committed[];
}

/** One thing said to a run. */
export interface Input {
  readonly id: string;
  readonly run: string;
}

export interface Workspace {
  readonly name: string;
  readonly state: string;
  readonly reason: string;
  readonly since?: string;
  readonly head: string;
  readonly branch: string;
  readonly holder: string;
  readonly version: number;
}

export interface FileEntry {
  readonly path: string;
  readonly mode: string;
  readonly object: string;
  readonly size: number;
}

export interface Commit {
  readonly id: string;
  readonly author_name: string;
  readonly author_email: string;
  readonly at?: string;
  readonly message: string;
}

export interface Role {
  readonly name: string;
  readonly runner: string;
  readonly profile: string;
  readonly version: number;
  readonly provider?: { readonly name: string; readonly model: string };
  readonly mounts: readonly Mount[];
}

/** What each firing asks for. */
export interface RunTemplate {
  readonly role?: string;
  readonly runner?: string;
  readonly argv?: readonly string[];
  readonly start?: { readonly inline?: string; readonly path?: string; readonly session?: string };
  readonly mounts?: readonly Mount[];
  readonly session?: string;
  readonly profile?: string;
}

export interface Schedule {
  readonly id: string;
  readonly name: string;
  readonly cron: string;
  readonly time_zone: string;
  readonly run?: RunTemplate;
  readonly misfire?: string;
  readonly misfire_cap: number;
  readonly overlap?: string;
  readonly paused: boolean;
  readonly grant: string;
  readonly consent_needed: boolean;
  readonly version: number;
  readonly spec_hash: string;
  readonly next_at?: string;
  readonly created_at?: string;
  readonly created_by: string;
}

export interface Firing {
  readonly id: string;
  readonly trigger: string;
  readonly due_at?: string;
  readonly decided_at?: string;
  readonly outcome?: string;
  readonly reason: string;
  readonly run: string;
  readonly event: string;
}

export interface Subscription {
  readonly id: string;
  readonly name: string;
  readonly types: readonly string[];
  readonly source: string;
  readonly subject: string;
  readonly expression: string;
  readonly run?: RunTemplate;
  readonly overlap?: string;
  readonly paused: boolean;
  readonly grant: string;
  readonly consent_needed: boolean;
  readonly version: number;
  readonly spec_hash: string;
  readonly created_at?: string;
  readonly created_by: string;
}

export interface EventItem {
  readonly id: string;
  readonly source: string;
  readonly source_id: string;
  readonly type: string;
  readonly subject: string;
  readonly time?: string;
  readonly data_content_type: string;
  /** Base64. */
  readonly data: string;
  readonly received_at?: string;
  readonly matched_at?: string;
  readonly producer: string;
  readonly firings: readonly Firing[];
}

export interface Webhook {
  readonly id: string;
  readonly name: string;
  readonly source: string;
  readonly type: string;
  readonly path: string;
  readonly version: number;
  readonly created_at?: string;
  readonly previous_until?: string;
  /** Only when it was made now. */
  readonly secret?: string;
}

export interface Grant {
  readonly id: string;
  readonly state: string;
  readonly reason: string;
  readonly subject: string;
  readonly key: string;
  readonly trigger?: { readonly kind: string; readonly id: string; readonly name: string; readonly spec_hash: string };
  readonly terms?: { readonly max_runs: number; readonly max_per_day: number; readonly ttl_seconds: number };
  readonly mounts: readonly Mount[];
  readonly scopes: readonly string[];
  readonly used_runs: number;
  readonly used_today: number;
  readonly created_at?: string;
  readonly expires_at?: string;
  readonly revoked_at?: string;
}

export interface Runner {
  readonly runner: string;
  readonly edge: string;
  readonly backend: string;
  readonly version: string;
  readonly features: readonly string[];
  readonly missing: readonly string[];
  readonly remedy: string;
}

export interface AuditEvent {
  readonly id: string;
  readonly seq: number;
  readonly time: string;
  readonly kind: string;
  readonly producer: string;
  readonly subject: string;
  readonly run: string;
  readonly resource: string;
  readonly outcome?: string;
  readonly reason: string;
}

export interface ServiceState {
  readonly name: string;
  readonly state: string;
  readonly took_ms: number;
  readonly reason?: string;
}

export interface Status {
  readonly status: string;
  readonly version: string;
  readonly org: string;
  readonly environment: string;
  readonly principal: string;
  readonly services: readonly ServiceState[];
}

/** A page of a list. */
export interface Page<Item> {
  readonly items: readonly Item[];
  readonly next_cursor: string | null;
}
