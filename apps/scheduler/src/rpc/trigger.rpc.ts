/** Decode, call, answer. Every line of policy is in the commands. */

import { BusController } from '@sallyport/bus/controller';
import type { Handlers } from '@sallyport/bus/handlers';
import {
  type ApplyScheduleRequest,
  type ApplySubscriptionRequest,
  type ApplyWebhookRequest,
  type ConsentTriggerRequest,
  type DeleteScheduleRequest,
  type DeleteSubscriptionRequest,
  type DeleteWebhookRequest,
  type FireScheduleRequest,
  type GetEventRequest,
  type GetScheduleRequest,
  type GetSubscriptionRequest,
  type ListEventsRequest,
  type ListFiringsRequest,
  type ListSchedulesRequest,
  type ListSubscriptionsRequest,
  type ListWebhooksRequest,
  type PauseScheduleRequest,
  type PreviewScheduleRequest,
  type ReceiveWebhookRequest,
  type ResumeScheduleRequest,
  type RotateWebhookRequest,
  type SendEventRequest,
  TriggerService,
} from '@sallyport/contracts/schedule/v1/trigger';
import { sessionOf } from '@sallyport/core/call';
import type { Call } from '@sallyport/core/gate';
import { triggerAccess } from '../access.ts';
import { eventWire } from '../events/event.ts';
import { ListEvents } from '../events/list-events.ts';
import { SendEvent } from '../events/send-event.ts';
import { ListFirings } from '../firings/list-firings.ts';
import { ApplySchedule } from '../schedules/apply-schedule.ts';
import { FireSchedule } from '../schedules/fire-schedule.ts';
import { ListSchedules } from '../schedules/list-schedules.ts';
import { SwitchSchedule } from '../schedules/switch-schedule.ts';
import { ApplySubscription } from '../subscriptions/apply-subscription.ts';
import { DeleteSubscription } from '../subscriptions/delete-subscription.ts';
import { ListSubscriptions } from '../subscriptions/list-subscriptions.ts';
import { GiveConsent } from '../triggers/give-consent.ts';
import { ChangeWebhook } from '../webhooks/change-webhook.ts';
import { ReceiveWebhook } from '../webhooks/receive-webhook.ts';

@BusController(TriggerService, triggerAccess)
export class TriggerRpc implements Handlers<typeof TriggerService> {
  constructor(
    private readonly apply: ApplySchedule,
    private readonly switching: SwitchSchedule,
    private readonly fire: FireSchedule,
    private readonly schedules: ListSchedules,
    private readonly firings: ListFirings,
    private readonly consent: GiveConsent,
    private readonly applySub: ApplySubscription,
    private readonly removeSub: DeleteSubscription,
    private readonly subscriptions: ListSubscriptions,
    private readonly send: SendEvent,
    private readonly events: ListEvents,
    private readonly webhooks: ChangeWebhook,
    private readonly receive: ReceiveWebhook,
  ) {}

  async applySchedule(request: ApplyScheduleRequest, call: Call) {
    return { schedule: await this.apply.execute(request, sessionOf(call), call.token ?? '') };
  }

  async getSchedule({ name }: GetScheduleRequest, call: Call) {
    return { schedule: await this.schedules.get(name, sessionOf(call)) };
  }

  async listSchedules(request: ListSchedulesRequest, call: Call) {
    return this.schedules.execute(request, sessionOf(call));
  }

  async pauseSchedule({ name }: PauseScheduleRequest, call: Call) {
    return { schedule: await this.switching.pause(name, sessionOf(call)) };
  }

  async resumeSchedule({ name }: ResumeScheduleRequest, call: Call) {
    return { schedule: await this.switching.resume(name, sessionOf(call)) };
  }

  async fireSchedule(request: FireScheduleRequest, call: Call) {
    return { firing: await this.fire.execute(request, sessionOf(call)) };
  }

  async previewSchedule(request: PreviewScheduleRequest, call: Call) {
    return { times: await this.schedules.preview(request, sessionOf(call)) };
  }

  async deleteSchedule({ name }: DeleteScheduleRequest, call: Call) {
    await this.switching.remove(name, sessionOf(call));
    return {};
  }

  async consentTrigger(request: ConsentTriggerRequest, call: Call) {
    return { grant: await this.consent.toShown(request, sessionOf(call), call.token ?? '') };
  }

  async listFirings(request: ListFiringsRequest, call: Call) {
    return this.firings.execute(request, sessionOf(call));
  }

  async applySubscription(request: ApplySubscriptionRequest, call: Call) {
    return { subscription: await this.applySub.execute(request, sessionOf(call), call.token ?? '') };
  }

  async getSubscription({ name }: GetSubscriptionRequest, call: Call) {
    return { subscription: await this.subscriptions.get(name, sessionOf(call)) };
  }

  async listSubscriptions(request: ListSubscriptionsRequest, call: Call) {
    return this.subscriptions.execute(request, sessionOf(call));
  }

  async deleteSubscription({ name }: DeleteSubscriptionRequest, call: Call) {
    await this.removeSub.execute(name, sessionOf(call));
    return {};
  }

  async sendEvent(request: SendEventRequest, call: Call) {
    const { event, replayed } = await this.send.execute(request, sessionOf(call));
    return { event: eventWire(event), replayed };
  }

  async getEvent({ id }: GetEventRequest, call: Call) {
    return { event: await this.events.get(id, sessionOf(call)) };
  }

  async listEvents(request: ListEventsRequest, call: Call) {
    return this.events.execute(request, sessionOf(call));
  }

  async applyWebhook({ webhook }: ApplyWebhookRequest, call: Call) {
    return this.webhooks.apply(webhook, sessionOf(call));
  }

  async listWebhooks(_request: ListWebhooksRequest, call: Call) {
    return { webhooks: await this.webhooks.list(sessionOf(call)) };
  }

  async rotateWebhook({ name }: RotateWebhookRequest, call: Call) {
    return this.webhooks.rotate(name, sessionOf(call));
  }

  async deleteWebhook({ name }: DeleteWebhookRequest, call: Call) {
    await this.webhooks.remove(name, sessionOf(call));
    return {};
  }

  async receiveWebhook(request: ReceiveWebhookRequest) {
    const { event, replayed } = await this.receive.execute(request);
    return { event: event.id, replayed };
  }
}
