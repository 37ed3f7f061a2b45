/** The only reader of the environment: where the tether is, and what of the sandbox's environment a runner's processes see. */

const env = process.env;

const passed = ['PATH', 'LANG', 'LC_ALL', 'TZ', 'TRACEPARENT', 'USER', 'LOGNAME'] as const;

export const config = {
  tether: env['SALLY_TETHER'] ?? '/run/sally/tether.sock',
  home: env['HOME'] ?? '/tmp/home',
  /** npm prefix of the coding agents, where the edge has any. */
  runners: env['SALLY_RUNNERS'] ?? '/opt/runners',
  version: env['SALLY_AGENT_VERSION'] ?? '0.1.0',
  /** An allow-list of what is inherited, and words that keep programs quiet, colourless and unattended. */
  childEnv: {
    PATH: '/usr/local/bin:/usr/bin:/bin',
    LANG: 'C.UTF-8',
    ...Object.fromEntries(passed.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]]))),
    HOME: env['HOME'] ?? '/tmp/home',
    TERM: 'dumb',
    NO_COLOR: '1',
    CI: '1',
  } as Readonly<Record<string, string>>,
} as const;
