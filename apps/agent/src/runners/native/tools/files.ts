/** Reading, writing, editing and listing files; whether a path may be touched is the sandbox's business. */

import { mkdir, open, opendir, readFile, stat, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { clip, maxResult, numberArgument, parameters, type Tool, textArgument } from './tool.ts';

const maxEdited = 16 * 1024 * 1024;
const maxEntries = 1000;

/** Devices and pipes never end, so only a regular file is read. */
async function sizeOfFile(path: string): Promise<number> {
  const found = await stat(path);
  if (!found.isFile()) throw new Error(`${path} is not a file`);
  return found.size;
}

const pathParameter = { type: 'string', description: 'Path, relative to the working directory or absolute.' };

export const readFileTool: Tool = {
  offer: {
    name: 'read_file',
    description: `Reads a text file, at most ${maxResult} bytes from the given offset.`,
    parameters: parameters(
      { path: pathParameter, offset: { type: 'integer', description: 'First byte; 0 unless given.' } },
      ['path'],
    ),
  },
  run: async (args, { directory }) => {
    const path = resolve(directory, textArgument(args, 'path'));
    const offset = Math.trunc(numberArgument(args, 'offset', 0, 0, Number.MAX_SAFE_INTEGER));
    const size = await sizeOfFile(path);
    const file = await open(path, 'r');
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(maxResult), 0, maxResult, offset);
      const text = buffer.toString('utf8', 0, bytesRead);
      const rest = size - offset - bytesRead;
      return { ok: true, text: rest > 0 ? `${text}\n[${rest} bytes follow from offset ${offset + bytesRead}]` : text };
    } finally {
      await file.close();
    }
  },
};

export const writeFileTool: Tool = {
  offer: {
    name: 'write_file',
    description: 'Writes a whole text file and makes the folders above it.',
    parameters: parameters({ path: pathParameter, content: { type: 'string' } }, ['path', 'content']),
  },
  run: async (args, { directory, changed }) => {
    const path = resolve(directory, textArgument(args, 'path'));
    const content = textArgument(args, 'content');
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, content);
    await changed(path);
    return { ok: true, text: `wrote ${Buffer.byteLength(content)} bytes to ${path}` };
  },
};

export const editFileTool: Tool = {
  offer: {
    name: 'edit_file',
    description: 'Replaces a text that occurs exactly once in a file; with "all", every occurrence.',
    parameters: parameters(
      {
        path: pathParameter,
        old: { type: 'string', description: 'Text to find, exactly.' },
        new: { type: 'string', description: 'Text to put in its place.' },
        all: { type: 'boolean' },
      },
      ['path', 'old', 'new'],
    ),
  },
  run: async (args, { directory, changed }) => {
    const path = resolve(directory, textArgument(args, 'path'));
    const old = textArgument(args, 'old');
    const replacement = textArgument(args, 'new');
    if (old === '') throw new Error('"old" must not be empty');
    if ((await sizeOfFile(path)) > maxEdited) throw new Error(`${path} is larger than 16 MiB`);
    const before = await readFile(path, 'utf8');
    const found = before.split(old).length - 1;
    if (found === 0) throw new Error(`${path} does not contain the text`);
    if (found > 1 && args['all'] !== true)
      throw new Error(`${path} contains the text ${found} times; give more of it, or "all"`);
    await writeFile(path, before.split(old).join(replacement));
    await changed(path);
    return { ok: true, text: `replaced ${found} in ${path}` };
  },
};

async function list(folder: string, depth: number, under: string, lines: string[]): Promise<void> {
  const entries = [];
  for await (const entry of await opendir(folder)) entries.push(entry);
  entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const entry of entries) {
    if (lines.length >= maxEntries) return;
    const name = join(under, entry.name);
    lines.push(entry.isDirectory() ? `${name}/` : name);
    const isEntered = entry.isDirectory() && depth > 1 && entry.name !== '.git' && entry.name !== 'node_modules';
    if (isEntered) await list(join(folder, entry.name), depth - 1, name, lines);
  }
}

export const listFilesTool: Tool = {
  offer: {
    name: 'list_files',
    description: `Lists a folder and what is below it, at most ${maxEntries} entries; .git and node_modules are named but not entered.`,
    parameters: parameters(
      { path: pathParameter, depth: { type: 'integer', description: 'Levels; 3 unless given.' } },
      [],
    ),
  },
  run: async (args, { directory }) => {
    const path = resolve(directory, args['path'] === undefined ? '.' : textArgument(args, 'path'));
    const lines: string[] = [];
    await list(path, numberArgument(args, 'depth', 3, 1, 10), '', lines);
    const more = lines.length >= maxEntries ? `\n[only the first ${maxEntries} entries]` : '';
    return { ok: true, text: clip(lines.join('\n') + more) };
  },
};
