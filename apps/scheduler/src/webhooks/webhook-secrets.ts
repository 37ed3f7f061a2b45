/** Secrets of webhooks: kept only in sealed form, each bound to the webhook it is of. */

import { RootKey } from '@sallyport/store/data-key';
import { webhooksOff } from '../faults.ts';
import type { Webhook } from './webhook.ts';

type Owner = Pick<Webhook, 'org' | 'environment' | 'id'>;

const nobody: Owner = { org: '', environment: '', id: '' };

const contextOf = ({ org, environment, id }: Owner): readonly string[] => ['webhook secret', org, environment, id];

/** A secret as people are shown it, once. */
export const secretText = (secret: Uint8Array): string => `whsec_${Buffer.from(secret).toString('base64')}`;

export class WebhookSecrets {
  readonly #root: RootKey | undefined;
  readonly #nobodys: Uint8Array;

  private constructor(root: RootKey | undefined) {
    this.#root = root;
    this.#nobodys = root?.createDataKey(contextOf(nobody)) ?? new Uint8Array();
  }

  /** `file` holds the root key; without one there are no webhooks. */
  static async open(file: string): Promise<WebhookSecrets> {
    return new WebhookSecrets(file === '' ? undefined : await RootKey.read(file));
  }

  /**
   * A new secret in sealed form: 32 random bytes.
   *
   * @throws Fault `scheduler.webhooks_off`
   */
  create(owner: Owner): Buffer {
    return this.#key().createDataKey(contextOf(owner));
  }

  /** @throws Fault `scheduler.webhooks_off`, or `store.data_key` when it was sealed for another webhook or under another key. */
  open(sealed: Uint8Array, owner: Owner): Buffer {
    return this.#key().unwrap(sealed, contextOf(owner));
  }

  /** A secret that nobody has: a request for a webhook that is not there costs as much as any other. */
  openNobodys(): Buffer {
    return this.open(this.#nobodys, nobody);
  }

  #key(): RootKey {
    if (this.#root === undefined) throw webhooksOff();
    return this.#root;
  }
}
