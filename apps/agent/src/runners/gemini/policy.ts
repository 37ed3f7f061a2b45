/** Which of Gemini CLI's tools a role allows, in the words of its policy engine. */

/** Its tools behind our names. */
const behind: Readonly<Record<string, readonly string[]>> = {
  bash: ['run_shell_command', 'list_background_processes', 'read_background_output'],
  read_file: ['read_file', 'read_many_files'],
  write_file: ['write_file'],
  edit_file: ['replace'],
  list_files: ['list_directory', 'glob', 'grep_search'],
};

/** Its names of what a role allows; a name that is not one of ours is taken as one of its own. */
export const allowedTools = (tools: readonly string[]): readonly string[] =>
  tools.flatMap((name) => behind[name] ?? [name]);

/** Tools that its provider runs: a way out that no boundary of ours sees. */
const providerSide = ['google_web_search', 'web_fetch'];

const rule = (names: unknown, decision: 'allow' | 'deny', priority: number, more: string): readonly string[] => [
  '[[rule]]',
  // A JSON string is a TOML string.
  `toolName = ${JSON.stringify(names)}`,
  `decision = "${decision}"`,
  `priority = ${priority}`,
  more,
  '',
];

const deny = (names: unknown, priority: number, message: string): readonly string[] =>
  rule(names, 'deny', priority, `denyMessage = ${JSON.stringify(message)}`);

/**
 * The policy of a role. Nobody is asked. A role that names its tools has every other denied; one that names none has all but what
 * happens outside the sandbox. It holds above what a workspace may say and above the mode in which everything is approved.
 */
export function policyOf(tools: readonly string[]): string {
  if (tools.length === 0) return deny(providerSide, 1, 'This tool is not run inside the sandbox.').join('\n');
  const message = `This role does not allow the tool. It allows: ${tools.join(', ')}. Do not try it again.`;
  return [...deny('*', 1, message), ...rule(allowedTools(tools), 'allow', 2, 'allowRedirection = true')].join('\n');
}
