/** Names of images that always mean the same bytes (T18). */

const digest = /^(?:[a-z0-9][a-z0-9._/:-]*@)?sha256:[0-9a-f]{64}$/;

/** Whether a name pins its image: an id, or a repository with a digest; a tag may mean anything tomorrow. */
export const isPinned = (name: string): boolean => digest.test(name);
