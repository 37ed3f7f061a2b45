/** Injection token of the one backend of this edge. */
export const BACKEND = Symbol('backend');
