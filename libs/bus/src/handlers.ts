/** Types that tie a controller's methods to its contract. */

import type { DescMessage, DescMethodUnary, DescService, MessageInitShape, MessageShape } from '@bufbuild/protobuf';
import type { Call } from '@sallyport/core/gate';

type UnaryOf<Method> =
  Method extends DescMethodUnary<infer I extends DescMessage, infer O extends DescMessage>
    ? { input: I; output: O }
    : never;

/** One method per RPC, typed from the contract; a missing one does not compile. */
export type Handlers<S extends DescService> = {
  readonly [M in keyof S['method']]: (
    request: MessageShape<UnaryOf<S['method'][M]>['input']>,
    call: Call,
  ) => Promise<MessageInitShape<UnaryOf<S['method'][M]>['output']>>;
};

/** A client of the same contract. */
export type BusClient<S extends DescService> = {
  readonly [M in keyof S['method']]: (
    request: MessageInitShape<UnaryOf<S['method'][M]>['input']>,
    options?: CallOptions,
  ) => Promise<MessageShape<UnaryOf<S['method'][M]>['output']>>;
};

/** What a call may bring along. */
export interface CallOptions {
  /** Compact token; rides in the `Authorization` header. */
  readonly token?: string | undefined;
  /** Makes a proof of possession for this very call. */
  readonly prove?: ((target: { readonly method: string; readonly uri: string }) => Promise<string>) | undefined;
  /** Milliseconds to wait; 10,000 when absent. The callee learns the same deadline. */
  readonly timeoutMs?: number | undefined;
  /** Trace id to go on with when there is no ambient span. */
  readonly trace?: string | undefined;
}
