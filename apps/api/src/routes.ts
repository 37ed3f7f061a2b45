/** Every route of the API. */

import { Injectable } from '@nestjs/common';
import { AuditRoutes } from './audit/audit-routes.ts';
import { DecisionRoutes } from './decisions/decision-routes.ts';
import { EventRoutes } from './events/event-routes.ts';
import { GitRoutes } from './git/git-routes.ts';
import { GrantRoutes } from './grants/grant-routes.ts';
import type { Endpoint } from './http/endpoint.ts';
import { KeyRoutes } from './keys/key-routes.ts';
import { RoleRoutes } from './roles/role-routes.ts';
import { RunnerRoutes } from './runners/runner-routes.ts';
import { InputRoutes } from './runs/input-routes.ts';
import { RunEventRoutes } from './runs/run-event-routes.ts';
import { RunRoutes } from './runs/run-routes.ts';
import { FiringRoutes } from './schedules/firing-routes.ts';
import { ScheduleRoutes } from './schedules/schedule-routes.ts';
import { StatusRoutes } from './status/status-routes.ts';
import { SubscriptionRoutes } from './subscriptions/subscription-routes.ts';
import { HookRoutes } from './webhooks/hook-routes.ts';
import { WebhookRoutes } from './webhooks/webhook-routes.ts';
import { BundleRoutes } from './workspaces/bundle-routes.ts';
import { ContentRoutes } from './workspaces/content-routes.ts';
import { WorkspaceRoutes } from './workspaces/workspace-routes.ts';

@Injectable()
export class Routes {
  private readonly groups: readonly { endpoints(): Endpoint[] }[];

  constructor(
    runs: RunRoutes,
    runEvents: RunEventRoutes,
    inputs: InputRoutes,
    workspaces: WorkspaceRoutes,
    content: ContentRoutes,
    bundles: BundleRoutes,
    roles: RoleRoutes,
    runners: RunnerRoutes,
    audit: AuditRoutes,
    keys: KeyRoutes,
    grants: GrantRoutes,
    decisions: DecisionRoutes,
    git: GitRoutes,
    schedules: ScheduleRoutes,
    firings: FiringRoutes,
    events: EventRoutes,
    subscriptions: SubscriptionRoutes,
    webhooks: WebhookRoutes,
    hooks: HookRoutes,
    status: StatusRoutes,
  ) {
    this.groups = [
      runs,
      runEvents,
      inputs,
      workspaces,
      content,
      bundles,
      roles,
      runners,
      audit,
      keys,
      grants,
      decisions,
      git,
      schedules,
      firings,
      events,
      subscriptions,
      webhooks,
      hooks,
      status,
    ];
  }

  all(): Endpoint[] {
    return this.groups.flatMap((group) => group.endpoints());
  }
}
