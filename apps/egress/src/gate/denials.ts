/** Denies: records why, and makes the answer that carries the same id. */

import { Injectable } from '@nestjs/common';
import { Log } from '@sallyport/service/log';
import { type Asked, Decisions } from '../decisions/decisions.ts';
import type { DenyWord } from '../decisions/deny-reason.ts';
import { type Problem, problemOf } from './problem.ts';

@Injectable()
export class Denials {
  constructor(
    private readonly decisions: Decisions,
    private readonly log: Log,
  ) {}

  /** That the audit log cannot record is a denial of its own, without an id. Never rejects. */
  async problem(asked: Asked, reason: DenyWord): Promise<Problem> {
    try {
      const { id } = await this.decisions.deny(asked, reason);
      return problemOf(reason, id, { credential: asked.facts?.['credential'] });
    } catch (error) {
      this.log.error({ error }, 'a denial could not be recorded');
      return problemOf('audit_unavailable', undefined);
    }
  }
}
