/** What a timeline has to remember between events. */

export class Scribe {
  /** Tokens so far. */
  inputTokens = 0;
  outputTokens = 0;
  /** Model turns so far. */
  turns = 0;
  /** Known update and telemetry calls denied and not told of yet. */
  noise = 0;
  /** Last state told of, so that a level is told once. */
  state = '';
  readonly #held = new Map<string, string>();
  readonly #tools = new Map<string, string>();

  /** Whole lines of a byte stream; the rest waits for the next piece. */
  lines(stream: string, text: string): string[] {
    const parts = `${this.#held.get(stream) ?? ''}${text}`.split('\n');
    const rest = parts.pop() ?? '';
    // A line nobody ends is shown all the same before it fills memory.
    const isLong = rest.length > 8_192;
    this.#held.set(stream, isLong ? '' : rest);
    return isLong ? [...parts, rest] : parts;
  }

  /** What waited for an end of line that never came. */
  drain(): string[] {
    const rest = [...this.#held.values()].filter((text) => text !== '');
    this.#held.clear();
    return rest;
  }

  startTool(call: string, tool: string): void {
    if (this.#tools.size > 1_000) this.#tools.clear();
    this.#tools.set(call, tool);
  }

  endTool(call: string): string {
    const tool = this.#tools.get(call) ?? '';
    this.#tools.delete(call);
    return tool;
  }
}
