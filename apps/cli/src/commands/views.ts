/** How each kind of thing looks in a table. */

import type { AuditEvent, Commit, FileEntry, Grant, Role, Run, Runner, Workspace } from '../client/resources.ts';
import { showAge } from '../duration.ts';
import type { View } from '../output/printer.ts';

export const mountsOf = (of: {
  readonly mounts: readonly { readonly workspace: string; readonly mode: string }[];
}): string => of.mounts.map(({ workspace, mode }) => `${workspace}:${mode}`).join(' ');

export const runView = (now: number): View<Run> => ({
  name: (run) => run.id,
  empty: 'no such runs; ask for one: sally run create ROLE --task TEXT',
  columns: [
    { title: 'id', of: (run) => run.id },
    { title: 'state', of: (run) => run.state },
    { title: 'why', of: (run) => (run.reason === run.state ? '' : run.reason), most: 32 },
    { title: 'since', of: (run) => showAge(run.since, now) },
    { title: 'role', of: (run) => (run.role === '' ? `(${run.runner})` : run.role) },
    { title: 'mounts', of: mountsOf, most: 40 },
  ],
});

export const workspaceView = (now: number): View<Workspace> => ({
  name: (workspace) => workspace.name,
  empty: 'no workspaces; make one: sally workspace create NAME, or sally workspace import NAME PATH',
  columns: [
    { title: 'name', of: (workspace) => workspace.name },
    { title: 'state', of: (workspace) => workspace.state },
    { title: 'since', of: (workspace) => showAge(workspace.since, now) },
    { title: 'branch', of: (workspace) => workspace.branch },
    { title: 'head', of: (workspace) => workspace.head.slice(0, 12) },
    { title: 'held by', of: (workspace) => workspace.holder },
  ],
});

export const fileView: View<FileEntry> = {
  name: (file) => file.path,
  columns: [
    { title: 'mode', of: (file) => file.mode },
    { title: 'size', of: (file) => file.size },
    { title: 'path', of: (file) => file.path },
  ],
};

export const commitView = (now: number): View<Commit> => ({
  name: (commit) => commit.id,
  columns: [
    { title: 'commit', of: (commit) => commit.id.slice(0, 12) },
    { title: 'when', of: (commit) => showAge(commit.at, now) },
    { title: 'author', of: (commit) => commit.author_name, most: 24 },
    { title: 'message', of: (commit) => commit.message.split('\n', 1)[0], most: 72 },
  ],
});

export const roleView: View<Role> = {
  name: (role) => role.name,
  kind: 'Role',
  empty: 'no roles; make one: sally role apply FILE',
  columns: [
    { title: 'name', of: (role) => role.name },
    { title: 'runner', of: (role) => role.runner },
    { title: 'provider', of: (role) => role.provider?.name },
    { title: 'model', of: (role) => role.provider?.model },
    { title: 'profile', of: (role) => role.profile },
    { title: 'mounts', of: mountsOf, most: 40 },
    { title: 'version', of: (role) => role.version },
  ],
};

export const grantView = (now: number): View<Grant> => ({
  name: (grant) => grant.id,
  empty: 'no such grants; whoever makes a schedule or subscription gives one, or: sally schedule consent NAME',
  columns: [
    { title: 'id', of: (grant) => grant.id },
    { title: 'state', of: (grant) => grant.state },
    { title: 'why not', of: (grant) => (grant.reason === grant.state ? '' : grant.reason) },
    { title: 'trigger', of: ({ trigger }) => `${trigger?.kind ?? ''}/${trigger?.name ?? ''}`, most: 40 },
    { title: 'runs', of: (grant) => `${grant.used_runs}/${grant.terms?.max_runs ?? 0}` },
    { title: 'today', of: (grant) => `${grant.used_today}/${grant.terms?.max_per_day ?? 0}` },
    { title: 'since', of: (grant) => showAge(grant.created_at, now) },
    { title: 'expires', of: (grant) => (grant.expires_at ?? '').slice(0, 16) },
  ],
});

export const runnerView: View<Runner> = {
  name: (runner) => runner.runner,
  empty: 'no edge is heard; see why: sally status',
  columns: [
    { title: 'runner', of: (runner) => runner.runner },
    { title: 'edge', of: (runner) => runner.edge },
    { title: 'backend', of: (runner) => runner.backend },
    { title: 'state', of: (runner) => (runner.missing.length === 0 ? 'ready' : 'missing') },
    { title: 'version', of: (runner) => runner.version },
    { title: 'features', of: (runner) => runner.features.join(' '), most: 48 },
    { title: 'next', of: (runner) => runner.remedy },
  ],
};

export const auditView: View<AuditEvent> = {
  name: (event) => event.id,
  empty: 'the log has no such events',
  columns: [
    { title: 'seq', of: (event) => event.seq },
    { title: 'time', of: (event) => event.time.slice(0, 23) },
    { title: 'outcome', of: (event) => event.outcome },
    { title: 'kind', of: (event) => event.kind },
    { title: 'resource', of: (event) => event.resource, most: 40 },
    { title: 'run', of: (event) => event.run },
    { title: 'reason', of: (event) => event.reason, most: 40 },
  ],
};
