/** What an exit code says; the list is fixed and documented in docs/reference/cli.md. */

export const exit = {
  ok: 0,
  runFailed: 1,
  usage: 2,
  prerequisite: 3,
  forbidden: 4,
  notFound: 5,
  conflict: 6,
  denied: 7,
  budget: 9,
  unreachable: 10,
  timeout: 124,
  interrupted: 130,
} as const;

/** Exit code of a refused request. */
export function exitOfStatus(status: number): number {
  if (status === 401 || status === 403) return exit.forbidden;
  if (status === 404) return exit.notFound;
  if (status === 409 || status === 412 || status === 429) return exit.conflict;
  if (status >= 500) return exit.unreachable;
  return exit.usage;
}

/** Exit code of a refused request whose reason is known. */
export const exitOfProblem = (status: number, code: string): number =>
  code === 'scheduler.runner_missing' ? exit.prerequisite : exitOfStatus(status);

/** Exit code of a run that has ended, by its state and verdict. */
export function exitOfRun(run: { readonly state: string; readonly verdict?: string }): number {
  if (run.verdict === 'budget_exhausted') return exit.budget;
  if (run.verdict === 'blocked') return exit.denied;
  return run.state === 'completed' ? exit.ok : exit.runFailed;
}
