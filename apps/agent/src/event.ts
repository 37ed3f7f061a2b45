/**
 * Events of a runner in canonical proto JSON of `unit.v1.UnitEvent`, as plain types: the supervisor starts in every sandbox, and
 * a Protobuf runtime would cost more than the rest of it. A spec parses one of each with the real schema.
 */

export type Verdict =
  | 'VERDICT_SUCCEEDED'
  | 'VERDICT_FAILED'
  | 'VERDICT_BLOCKED'
  | 'VERDICT_CANCELLED'
  | 'VERDICT_BUDGET_EXHAUSTED'
  | 'VERDICT_RUNNER_ERROR';

export type Stream = 'STREAM_STDOUT' | 'STREAM_STDERR';

export type AgentEvent =
  | { readonly sessionStarted: { readonly session: string; readonly model: string; readonly tools: readonly string[] } }
  | { readonly messageDelta: { readonly text: string } }
  | { readonly messageCompleted: { readonly text: string } }
  | { readonly thinking: { readonly text: string } }
  | { readonly toolStarted: { readonly call: string; readonly tool: string; readonly arguments: string } }
  | { readonly toolOutput: { readonly call: string; readonly text: string } }
  | {
      readonly toolCompleted: {
        readonly call: string;
        readonly tool: string;
        readonly ok: boolean;
        readonly text: string;
      };
    }
  | { readonly fileChanged: { readonly path: string } }
  | { readonly usageUpdated: { readonly inputTokens: string; readonly outputTokens: string } }
  | { readonly retry: { readonly attempt: number; readonly waitMillis: string; readonly cause: string } }
  | { readonly turnCompleted: { readonly turn: number } }
  | { readonly result: { readonly verdict: Verdict; readonly reply: string; readonly exitCode: number } }
  | { readonly error: { readonly reason: string; readonly message: string } }
  | { readonly raw: { readonly text: string } }
  | { readonly output: { readonly stream: Stream; readonly data: string } }
  | { readonly inputTaken: { readonly input: string } }
  | { readonly inputEnded: { readonly input: string; readonly verdict: Verdict; readonly reply: string } }
  | { readonly sessionSaved: { readonly session: string; readonly path: string; readonly bytes: string } };
