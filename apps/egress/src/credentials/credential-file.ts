/**
 * What a credential file says. The first line is the secret; each further line is a name and a value:
 *
 *     sk-...
 *     origin https://models.example.org
 *     scheme bearer
 *
 * `origin` may stand more than once and says where the secret may go, nowhere else; without one it goes to the vendor of the dialect.
 * `scheme` says how it is shown; without one, as the dialect does it. Pure.
 */

const schemes = ['bearer', 'x-api-key', 'api-key', 'x-goog-api-key'] as const;

export type Scheme = (typeof schemes)[number];

export interface CredentialFile {
  readonly secret: string;
  /** Empty when the file names none. */
  readonly origins: readonly string[];
  readonly scheme: Scheme | undefined;
}

/** What a header can carry; anything else is not what somebody meant to store. */
const secretForm = /^[\x21-\x7e]{8,8192}$/;

/** Undefined when a file says anything that is not understood: half a file is not used. */
export function parseCredential(text: string): CredentialFile | undefined {
  const [secret = '', ...rest] = text.split('\n').map((line) => line.trim());
  if (!secretForm.test(secret)) return undefined;
  const origins: string[] = [];
  let scheme: Scheme | undefined;
  for (const line of rest.filter((each) => each !== '')) {
    const [name, value = ''] = line.split(/\s+/, 2);
    const known = schemes.find((each) => each === value);
    if (name === 'origin' && isOrigin(value)) origins.push(value);
    else if (name === 'scheme' && known !== undefined) scheme = known;
    else return undefined;
  }
  return { secret, origins, scheme };
}

/** Scheme, host and port as a URL spells them, and nothing behind. */
export const isOrigin = (text: string): boolean =>
  /^https?:/.test(text) && URL.canParse(text) && new URL(text).origin === text;
