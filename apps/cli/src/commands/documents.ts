/** Things people keep in files: every document of a YAML or JSON file, each with its name. */

import { usage } from '../failure.ts';
import { readText } from '../flags.ts';

export interface Document {
  readonly name: string;
  readonly [field: string]: unknown;
}

/** The documents of a file, or of standard input for `-`; `what` is the word for one of them. */
export async function documentsOf(file: string, what: string): Promise<readonly Document[]> {
  const { parseAllDocuments } = await import('yaml');
  const parsed = parseAllDocuments(readText(file));
  const values = (Array.isArray(parsed) ? parsed : []).map((document) => {
    const [error] = document.errors;
    if (error !== undefined)
      throw usage(
        `${file} is not usable`,
        error.message.split('\n', 1)[0] ?? 'it is neither YAML nor JSON',
        'correct it and apply again',
      );
    return document.toJS() as unknown;
  });
  const documents = values.flat().filter((value) => value !== null);
  if (documents.length === 0)
    throw usage(
      `${file} holds no ${what}`,
      'it is empty',
      `write one, or start from \`sally ${what} get NAME -o yaml\``,
    );
  return documents.map((value) => {
    if (typeof value === 'object' && value !== null && 'name' in value && typeof value.name === 'string')
      return value as Document;
    throw usage(`${file} is not usable`, 'a document has no name', `start each ${what} with name: NAME`);
  });
}
