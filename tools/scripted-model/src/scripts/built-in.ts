/** Scripts that a model name chooses. */

import { inlineScript, type ModelRequest, type Script, type Step } from '../script.ts';
import { demo } from './demo.ts';
import { edit } from './edit.ts';

const echo: Script = ({ task }) => [{ text: task }];

/** Built-in scripts by model name. */
export const builtIn: Readonly<Record<string, Script>> = {
  'scripted-demo': demo,
  'scripted-edit': edit,
  'scripted-echo': echo,
};

/** Steps for a request: the script in the task, else the one of the model's name, else an echo. */
export const stepsOf = (request: ModelRequest): readonly Step[] =>
  inlineScript(request.task) ?? (builtIn[request.model] ?? echo)(request);
