/** What `--help` shows last: command lines that work as they are, but for the names in them. */

const many: Readonly<Record<string, readonly string[]>> = {
  '': ['run create demo --task "Report again" --wait', 'ps', 'doctor'],
  'run create': [
    'run create demo --task "Report again" --wait',
    'run create --runner exec --wait -- sh -c "id; ip a"',
    'run create --runner claude-code --mount mine:rw --task "Fix the tests" --wait',
    'run create demo --session talk --stay --task "Read the notes"',
  ],
  'run ls': ['run ls --state failed -n 10', 'run ls -o jsonl'],
  'run get': ['run get RUN -o json'],
  'run watch': ['run watch RUN --exit-status', 'run watch RUN -o jsonl'],
  'run steer': ['run steer RUN --text "Now the tests"', 'run steer RUN --cancel', 'run steer RUN --leave'],
  'run attach': ['run attach RUN'],
  'run cancel': ['run cancel RUN --why "no longer needed"'],
  ps: ['ps'],
  logs: ['logs RUN -f', 'logs RUN --type tool.completed -o jsonl', 'logs RUN --stream stdout --raw'],
  'workspace create': ['workspace create notes'],
  'workspace import': ['workspace import mine ~/src/mine'],
  'workspace ls': ['workspace ls'],
  'workspace get': ['workspace get mine -o json'],
  'workspace files': ['workspace files mine', 'workspace files mine README.md'],
  'workspace log': ['workspace log mine'],
  'workspace diff': ['workspace diff mine'],
  'workspace undo': ['workspace undo mine'],
  'workspace export': ['workspace export mine'],
  'role apply': ['role apply writer.yaml', 'role apply -'],
  'role ls': ['role ls'],
  'role get': ['role get demo -o yaml'],
  'schedule create': [
    'schedule create nightly --cron "0 2 * * MON-FRI" --time-zone Europe/Berlin --role demo --task "Report"',
    'schedule create hourly --cron @hourly --role demo --task "Look around" --overlap skip --misfire run-once --max-per-day 24',
    'schedule create later --cron @daily --runner exec --no-consent -- sh -c "date"',
  ],
  'schedule edit': [
    'schedule edit nightly --cron "30 3 * * *"',
    'schedule edit nightly --task "Report twice" --no-consent',
  ],
  'schedule ls': ['schedule ls', 'schedule ls -o name'],
  'schedule get': ['schedule get nightly', 'schedule get nightly -o yaml'],
  'schedule pause': ['schedule pause nightly'],
  'schedule resume': ['schedule resume nightly'],
  'schedule run': ['schedule run nightly --wait'],
  'schedule history': ['schedule history nightly -n 10'],
  'schedule next': ['schedule next nightly -n 3', 'schedule next --cron "30 2 29 3 *" --time-zone Europe/Berlin'],
  'schedule consent': ['schedule consent nightly --max-runs 100 --expires-in 720h'],
  'schedule rm': ['schedule rm nightly'],
  'subscription create': [
    'subscription create orders --type order.created --when "data.total > 100" --role demo --task "Handle the order"',
  ],
  'subscription edit': ['subscription edit orders --when "data.total > 500"', 'subscription edit orders --paused'],
  'subscription ls': ['subscription ls'],
  'subscription get': ['subscription get orders -o yaml'],
  'subscription history': ['subscription history orders'],
  'subscription consent': ['subscription consent orders --max-per-day 20'],
  'subscription rm': ['subscription rm orders'],
  'event send': [
    `event send --type order.created --data '{"total": 120}' --wait`,
    'event send order.json',
    'event send --type build.done --source /ci --id 4711 --data @build.json',
  ],
  'event ls': ['event ls --type order.created'],
  'event get': ['event get EVENT'],
  'webhook create': ['webhook create shop --type order.created'],
  'webhook ls': ['webhook ls'],
  'webhook rotate': ['webhook rotate shop'],
  'webhook rm': ['webhook rm shop'],
  'grant ls': ['grant ls --active'],
  'grant get': ['grant get GRANT'],
  'grant revoke': ['grant revoke GRANT'],
  'runner ls': ['runner ls'],
  'runner probe': ['runner probe claude-code'],
  'runner install': ['runner install claude-code'],
  apply: ['apply -f triggers.yaml --consent', 'apply -'],
  'audit tail': ['audit tail'],
  'audit query': ['audit query --kind grant.denied', 'audit query --run RUN -o jsonl'],
  'audit export': ['audit export'],
  'audit verify': ['audit verify', 'audit verify log.bundle'],
  status: ['status'],
  doctor: ['doctor', 'doctor -o json'],
  version: ['version -o json'],
  api: ['api GET /v1/runs', 'api GET /problems/scheduler.cron_invalid'],
};

/** Examples of a command by its words; none for a group, whose commands have their own. */
export const examplesOf = (path: string): readonly string[] => many[path] ?? [];

/** The last part of a help text. */
export function exampleText(path: string): string {
  const lines = examplesOf(path);
  return lines.length === 0 ? '' : ['', 'Examples:', ...lines.map((line) => `  sally ${line}`)].join('\n');
}
