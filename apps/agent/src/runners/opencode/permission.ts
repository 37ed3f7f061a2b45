/** Which of opencode's tools a role allows, in the words of its configuration. */

/** Its tools behind our names. */
const behind: Readonly<Record<string, readonly string[]>> = {
  bash: ['bash'],
  read_file: ['read'],
  write_file: ['write'],
  edit_file: ['edit', 'apply_patch'],
  list_files: ['list', 'glob', 'grep'],
};

type Permission = 'allow' | Readonly<Record<string, 'allow' | 'deny'>>;

/**
 * Nobody is asked: a role that names no tools allows all, since the sandbox is the boundary; a role that names some has every other
 * denied. Places outside the working directory are the sandbox's to guard.
 */
export function permissionOf(tools: readonly string[]): Permission {
  if (tools.length === 0) return 'allow';
  // Its own key for every tool that changes a file is `edit`.
  const names = tools.flatMap((name) => (name === 'write_file' ? ['write', 'edit'] : (behind[name] ?? [name])));
  const allowed = Object.fromEntries(names.map((name) => [name, 'allow'] as const));
  return { '*': 'deny', external_directory: 'allow', doom_loop: 'allow', ...allowed };
}
