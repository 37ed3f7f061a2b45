/** An error a person can act on: what failed, why, what to do next. */

import { exit, exitOfProblem } from './exit.ts';

/** RFC 9457 document as the API sends it; the CLI makes the same for its own failures. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status?: number;
  readonly detail: string;
  readonly code: string;
  readonly trace_id?: string;
  readonly errors?: readonly { readonly pointer: string; readonly detail: string }[];
  readonly [more: string]: unknown;
}

export class Failure extends Error {
  override readonly name = 'Failure';
  readonly exitCode: number;
  readonly problem: Problem;
  readonly why: string;
  readonly next: string;

  constructor(exitCode: number, problem: Problem, why: string, next: string) {
    super(problem.title);
    this.exitCode = exitCode;
    this.problem = problem;
    this.why = why;
    this.next = next;
  }

  /** A failure of the CLI's own. */
  static of(exitCode: number, code: string, what: string, why: string, next: string): Failure {
    return new Failure(
      exitCode,
      { type: `/problems/${code}`, title: what, detail: `${why}; ${next}`, code },
      why,
      next,
    );
  }

  /** What the API refused. */
  static refused(status: number, problem: Problem): Failure {
    const [why, ...rest] = problem.detail.split('; ');
    const more = (problem.errors ?? []).map(({ pointer, detail }) => `${pointer}: ${detail}`);
    const reasons = more.length > 1 ? more.join(', ') : (why ?? problem.detail);
    return new Failure(
      exitOfProblem(status, problem.code),
      problem,
      reasons,
      rest.join('; ') || hint(status, problem.code),
    );
  }
}

export const usage = (what: string, why: string, next: string): Failure =>
  Failure.of(exit.usage, 'cli.usage', what, why, next);

function hint(status: number, code: string): string {
  if (status === 401 || status === 403) return 'check the token (SALLY_TOKEN or .sally/token) and its scopes';
  if (status === 404) return 'list what there is with the matching `ls`';
  if (status >= 500) return 'run `sally doctor`, then try again';
  // Every refusal of the API has a page that says when it comes and what to do.
  return `see what to do with: sally api GET /problems/${code}`;
}
