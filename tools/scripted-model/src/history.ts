/** What a conversation comes down to: the input that is worked on, and what its tool calls have answered so far. */

/** One thing in a history, in its order. */
export type Entry =
  | { readonly kind: 'said'; readonly text: string }
  | { readonly kind: 'result'; readonly text: string };

export interface Progress {
  /** The latest thing a person said. */
  readonly task: string;
  /** How many things a person said, the latest included. */
  readonly inputs: number;
  /** Results of the tool calls since then, oldest first. */
  readonly results: readonly string[];
}

/** Blocks that coding agents put around, before or behind what a person said; a person wrote none of them. */
const wrappings = [
  /<system-reminder>[\s\S]*?<\/system-reminder>/g,
  /<(environment_context|session_context|user_instructions|hook_context|turn_aborted)>[\s\S]*?<\/\1>/g,
  /^# AGENTS\.md instructions for [\s\S]*?<INSTRUCTIONS>[\s\S]*?<\/INSTRUCTIONS>/,
];

/** What is left without the wrappings; a text that had none stays as it is, byte for byte. */
function unwrapped(text: string): string {
  const left = wrappings.reduce((rest, wrapping) => rest.replace(wrapping, ''), text);
  return left === text ? text : left.trim();
}

/** Finds the latest input and what came of it; wrappings between tool calls start nothing new. */
export function progressOf(entries: readonly Entry[]): Progress {
  let task = '';
  let inputs = 0;
  let results: string[] = [];
  for (const entry of entries) {
    if (entry.kind === 'result') {
      results.push(entry.text);
      continue;
    }
    const words = unwrapped(entry.text);
    if (words === '') continue;
    task = words;
    inputs += 1;
    results = [];
  }
  return { task, inputs, results };
}
