/** Decode, call, answer. Every line of policy is in the commands. */

import { BusController } from '@sallyport/bus/controller';
import type { Handlers } from '@sallyport/bus/handlers';
import {
  type ApplyScheduleRequest,
  type ConsentTriggerRequest,
  type DeleteScheduleRequest,
  type FireScheduleRequest,
  type GetScheduleRequest,
  type ListFiringsRequest,
  type ListSchedulesRequest,
  type PauseScheduleRequest,
  type PreviewScheduleRequest,
  type ResumeScheduleRequest,
  TriggerService,
} from '@sallyport/contracts/schedule/v1/trigger';
import { sessionOf } from '@sallyport/core/call';
import { Fault } from '@sallyport/core/fault';
import type { Call } from '@sallyport/core/gate';
import { triggerAccess } from '../access.ts';
import { ListFirings } from '../firings/list-firings.ts';
import { ApplySchedule } from '../schedules/apply-schedule.ts';
import { FireSchedule } from '../schedules/fire-schedule.ts';
import { ListSchedules } from '../schedules/list-schedules.ts';
import { SwitchSchedule } from '../schedules/switch-schedule.ts';
import { GiveConsent } from '../triggers/give-consent.ts';

const unserved = (): Fault => new Fault('unavailable', 'scheduler.events', 'events are not served');

@BusController(TriggerService, triggerAccess)
export class TriggerRpc implements Handlers<typeof TriggerService> {
  constructor(
    private readonly apply: ApplySchedule,
    private readonly switching: SwitchSchedule,
    private readonly fire: FireSchedule,
    private readonly schedules: ListSchedules,
    private readonly firings: ListFirings,
    private readonly consent: GiveConsent,
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

  applySubscription(): never {
    throw unserved();
  }

  getSubscription(): never {
    throw unserved();
  }

  listSubscriptions(): never {
    throw unserved();
  }

  deleteSubscription(): never {
    throw unserved();
  }

  sendEvent(): never {
    throw unserved();
  }

  getEvent(): never {
    throw unserved();
  }

  listEvents(): never {
    throw unserved();
  }

  applyWebhook(): never {
    throw unserved();
  }

  listWebhooks(): never {
    throw unserved();
  }

  rotateWebhook(): never {
    throw unserved();
  }

  deleteWebhook(): never {
    throw unserved();
  }

  receiveWebhook(): never {
    throw unserved();
  }
}
