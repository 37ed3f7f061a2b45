/** How much one mount may hold when it is captured. */

export interface CaptureLimits {
  /** Files and folders in all; more fails the capture, since a partial tree would delete what was left out. */
  readonly entries: number;
  /** Bytes of one file; a larger one is left out and named. */
  readonly fileBytes: number;
  /** Bytes of new content in all; more fails the capture. */
  readonly newBytes: number;
  /** Folders inside folders; what is deeper is left out and named. */
  readonly depth: number;
  /** Bytes of a path below the mount; a longer one is left out and named, since few programs could read it back. */
  readonly pathBytes: number;
}

export const defaultCaptureLimits: CaptureLimits = {
  entries: 500_000,
  fileBytes: 256 * 1024 * 1024,
  newBytes: 1024 * 1024 * 1024,
  depth: 128,
  pathBytes: 2048,
};
