/** Which paths may stand in a tree. */

import { isGitDirName } from '@sallyport/store/git-name';

const isReserved = (part: string): boolean => part === '' || part === '.' || part === '..' || isGitDirName(part);

/** Whether a path may stand in a tree: relative, and no part of it is `.git` to any file system or a step to anywhere. */
export const isStorablePath = (path: string): boolean =>
  !path.includes('\0') && path.split('/').every((part) => !isReserved(part));
