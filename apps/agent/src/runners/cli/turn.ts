/** One input of a dispatch as its coding agent needs to know it. */

import type { Work } from '../../work.ts';
import type { Turn } from './adapter.ts';

export const turnOf = (work: Work): Turn => ({
  prompt: work.input.text,
  session: work.session,
  model: work.model,
  modelUrl: work.modelUrl.replace(/\/+$/, ''),
  turns: work.turns,
  tools: work.tools,
  mounts: work.mounts,
  directory: work.directory,
  home: work.home,
  native: work.conversation?.native,
});
