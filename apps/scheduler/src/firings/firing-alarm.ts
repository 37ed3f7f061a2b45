/** Wakes the loop of schedules and waiting firings early. */

import { Injectable } from '@nestjs/common';
import { Wake } from '../wake.ts';

@Injectable()
export class FiringAlarm extends Wake {}
