/** The files and roles of a new installation. */

/** Read-only material of the made-up company that the demo reports on. */
export const companyFiles: Readonly<Record<string, string>> = {
  'README.md': '# Company\n\nShared material. Agents read it; nobody writes it from a sandbox.\n',
  'data/sales.csv':
    'quarter,region,revenue\nQ1,north,120400\nQ1,south,98100\nQ2,north,131900\nQ2,south,104700\nQ3,north,127300\nQ3,south,119800\n',
};

export const demoFiles: Readonly<Record<string, string>> = {
  'README.md': '# Demo\n\nThe demo dispatch writes its report here.\n',
};

/** Name of the provider that stands for no account at all. */
export const scriptedProvider = 'scripted';

export interface SeededRole {
  readonly name: string;
  readonly profile: string;
  readonly provider: { readonly name: string; readonly base_url: string; readonly [field: string]: unknown };
  readonly [field: string]: unknown;
}

const tools = ['bash', 'read_file', 'write_file', 'edit_file', 'list_files'];

/** Roles on the scripted model, which needs no account; provider and profile follow what this machine has. */
export function seededRoles(modelUrl: string, profile: string): readonly SeededRole[] {
  const provider = (model: string) => ({
    name: scriptedProvider,
    dialect: 'anthropic_messages',
    base_url: modelUrl,
    model,
  });
  return [
    {
      name: 'demo',
      runner: 'native',
      provider: provider('scripted-demo'),
      tools,
      profile,
      persona: 'You report on company data. You write only into the demo workspace.',
      mounts: [
        { workspace: 'demo', mode: 'rw' },
        { workspace: 'company', mode: 'ro' },
      ],
    },
    {
      name: 'editor',
      runner: 'native',
      provider: provider('scripted-edit'),
      tools,
      profile,
      persona: 'You edit the files you are told to.',
    },
    {
      name: 'editor-openai',
      runner: 'native',
      provider: { ...provider('scripted-edit'), dialect: 'openai_chat' },
      tools,
      profile,
      persona: 'You edit the files you are told to.',
    },
  ];
}
