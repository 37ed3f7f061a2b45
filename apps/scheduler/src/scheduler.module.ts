/** All wiring of the scheduler. */

import { Module } from '@nestjs/common';
import { CONFIG } from '@sallyport/service/start';
import { AfterworkStore } from './afterwork/afterwork.store.ts';
import { AfterworkRunner } from './afterwork/afterwork.ts';
import type { SchedulerConfig } from './config.ts';
import { AttendDispatch } from './dispatches/attend-dispatch.ts';
import { DispatchStore } from './dispatches/dispatch.store.ts';
import { EdgeSight } from './dispatches/edge-sight.ts';
import { OfferDispatch } from './dispatches/offer-dispatch.ts';
import { ReportWorkload } from './dispatches/report-workload.ts';
import { Sweeper } from './dispatches/sweeper.ts';
import { EdgeStore } from './edges/edge.store.ts';
import { HeartbeatEdge } from './edges/heartbeat-edge.ts';
import { RegisterEdge } from './edges/register-edge.ts';
import { EventStore } from './events/event.store.ts';
import { EventIntake } from './events/event-intake.ts';
import { EventMatcher } from './events/event-matcher.ts';
import { ListEvents } from './events/list-events.ts';
import { MatchEvent } from './events/match-event.ts';
import { ReceiveEvent } from './events/receive-event.ts';
import { SendEvent } from './events/send-event.ts';
import { FireTrigger } from './firings/fire-trigger.ts';
import { FiringStore } from './firings/firing.store.ts';
import { FiringAlarm } from './firings/firing-alarm.ts';
import { FiringDesk } from './firings/firing-desk.ts';
import { ListFirings } from './firings/list-firings.ts';
import { ReleaseWaiting } from './firings/release-waiting.ts';
import { StartFiring } from './firings/start-firing.ts';
import { StartLoop } from './firings/start-loop.ts';
import { DeliverInputs } from './inputs/deliver-inputs.ts';
import { InputStore } from './inputs/input.store.ts';
import { SendInput } from './inputs/send-input.ts';
import { TeamInputs } from './inputs/team-inputs.ts';
import { AppendOutput } from './output/append-output.ts';
import { ListOutput } from './output/list-output.ts';
import { OutputStore } from './output/output.store.ts';
import { Peers } from './peers.ts';
import { ApplyRole } from './roles/apply-role.ts';
import { RoleStore } from './roles/role.store.ts';
import { ScheduleRpc } from './rpc/schedule.rpc.ts';
import { TriggerRpc } from './rpc/trigger.rpc.ts';
import { ListRunners } from './runners/list-runners.ts';
import { CancelRun } from './runs/cancel-run.ts';
import { CreateRun } from './runs/create-run.ts';
import { EndRun } from './runs/end-run.ts';
import { IdempotencyStore } from './runs/idempotency.store.ts';
import { ListRuns } from './runs/list-runs.ts';
import { RunStore } from './runs/run.store.ts';
import { ApplySchedule } from './schedules/apply-schedule.ts';
import { FireDue } from './schedules/fire-due.ts';
import { FireSchedule } from './schedules/fire-schedule.ts';
import { ListSchedules } from './schedules/list-schedules.ts';
import { ScheduleLoop } from './schedules/schedule-loop.ts';
import { SwitchSchedule } from './schedules/switch-schedule.ts';
import { ApplySubscription } from './subscriptions/apply-subscription.ts';
import { DeleteSubscription } from './subscriptions/delete-subscription.ts';
import { FilterJudge } from './subscriptions/filter-judge.ts';
import { ListSubscriptions } from './subscriptions/list-subscriptions.ts';
import { SubscriptionFiltersStore } from './subscriptions/subscription-filters.store.ts';
import { WantedEvents } from './subscriptions/wanted-events.ts';
import { GiveConsent } from './triggers/give-consent.ts';
import { TriggerStore } from './triggers/trigger.store.ts';
import { Wake } from './wake.ts';
import { ChangeWebhook } from './webhooks/change-webhook.ts';
import { ReceiveWebhook } from './webhooks/receive-webhook.ts';
import { WebhookStore } from './webhooks/webhook.store.ts';
import { WebhookRefusals } from './webhooks/webhook-refusals.ts';
import { WebhookSecrets } from './webhooks/webhook-secrets.ts';

@Module({
  controllers: [ScheduleRpc, TriggerRpc],
  providers: [
    Peers,
    Wake,
    RoleStore,
    RunStore,
    DispatchStore,
    EdgeStore,
    IdempotencyStore,
    OutputStore,
    AfterworkStore,
    AfterworkRunner,
    ApplyRole,
    CreateRun,
    CancelRun,
    EndRun,
    ListRuns,
    EdgeSight,
    OfferDispatch,
    AttendDispatch,
    Sweeper,
    ReportWorkload,
    ListRunners,
    RegisterEdge,
    HeartbeatEdge,
    InputStore,
    DeliverInputs,
    SendInput,
    TeamInputs,
    AppendOutput,
    ListOutput,
    TriggerStore,
    FiringStore,
    FiringAlarm,
    FiringDesk,
    StartFiring,
    StartLoop,
    FireTrigger,
    ReleaseWaiting,
    ListFirings,
    GiveConsent,
    ApplySchedule,
    SwitchSchedule,
    FireSchedule,
    ListSchedules,
    FireDue,
    ScheduleLoop,
    ApplySubscription,
    DeleteSubscription,
    ListSubscriptions,
    FilterJudge,
    SubscriptionFiltersStore,
    WantedEvents,
    EventStore,
    MatchEvent,
    EventMatcher,
    ReceiveEvent,
    SendEvent,
    ListEvents,
    EventIntake,
    WebhookStore,
    WebhookRefusals,
    ChangeWebhook,
    ReceiveWebhook,
    {
      provide: WebhookSecrets,
      inject: [CONFIG],
      useFactory: (config: SchedulerConfig) => WebhookSecrets.open(config.SALLY_SCHEDULER_KEK_FILE),
    },
  ],
})
export class SchedulerModule {}
