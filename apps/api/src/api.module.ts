/** The front door: routes over service clients. It holds no right of its own. */

import { Module } from '@nestjs/common';
import { AuditRoutes } from './audit/audit-routes.ts';
import { DecisionRoutes } from './decisions/decision-routes.ts';
import { EventRoutes } from './events/event-routes.ts';
import { GitRoutes } from './git/git-routes.ts';
import { GrantRoutes } from './grants/grant-routes.ts';
import { Replays } from './http/replays.ts';
import { HttpServer } from './http/server.ts';
import { Streams } from './http/streams.ts';
import { KeyRoutes } from './keys/key-routes.ts';
import { Live } from './live.ts';
import { RoleRoutes } from './roles/role-routes.ts';
import { Routes } from './routes.ts';
import { RunnerRoutes } from './runners/runner-routes.ts';
import { InputRoutes } from './runs/input-routes.ts';
import { RunEventRoutes } from './runs/run-event-routes.ts';
import { RunReader } from './runs/run-reader.ts';
import { RunRoutes } from './runs/run-routes.ts';
import { FiringRoutes } from './schedules/firing-routes.ts';
import { ScheduleRoutes } from './schedules/schedule-routes.ts';
import { Services } from './services.ts';
import { Sessions } from './session/sessions.ts';
import { Probe } from './status/probe.ts';
import { StatusRoutes } from './status/status-routes.ts';
import { SubscriptionRoutes } from './subscriptions/subscription-routes.ts';
import { HookRoutes } from './webhooks/hook-routes.ts';
import { WebhookRoutes } from './webhooks/webhook-routes.ts';
import { BundleRoutes } from './workspaces/bundle-routes.ts';
import { ContentRoutes } from './workspaces/content-routes.ts';
import { WorkspaceRoutes } from './workspaces/workspace-routes.ts';

const routes = [
  RunRoutes,
  InputRoutes,
  RunEventRoutes,
  WorkspaceRoutes,
  ContentRoutes,
  BundleRoutes,
  RoleRoutes,
  RunnerRoutes,
  AuditRoutes,
  KeyRoutes,
  GrantRoutes,
  DecisionRoutes,
  GitRoutes,
  ScheduleRoutes,
  FiringRoutes,
  EventRoutes,
  SubscriptionRoutes,
  WebhookRoutes,
  HookRoutes,
  StatusRoutes,
];

@Module({
  providers: [Services, Live, Sessions, Replays, Streams, RunReader, Probe, ...routes, Routes, HttpServer],
  exports: [HttpServer],
})
export class ApiModule {}
