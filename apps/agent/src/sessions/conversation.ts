/** The conversation of a dispatch: what it goes on from, and the file that a later dispatch can go on from. */

import type { Emit } from '../runners/runner.ts';
import { StartUnusable } from '../task.ts';
import type { Assignment } from '../work.ts';
import { type SessionFile, SessionUnusable } from './session-file.ts';
import { SessionStore, sessionPath } from './session-store.ts';

export interface ConversationParts {
  readonly assignment: Pick<Assignment, 'runner' | 'session' | 'start'>;
  /** The first writable mount, or HOME: a conversation kept there ends with its dispatch. */
  readonly root: string;
  readonly emit: Emit;
}

export class Conversation {
  private readonly session: string;
  private readonly store: SessionStore;
  private readonly emit: Emit;
  private held: SessionFile | undefined;

  private constructor(parts: ConversationParts, store: SessionStore, held: SessionFile | undefined) {
    this.session = parts.assignment.session;
    this.emit = parts.emit;
    this.store = store;
    this.held = held;
  }

  /** Throws SessionUnusable for a file that this runner cannot go on from, StartUnusable where a named one is not there. */
  static async open(parts: ConversationParts): Promise<Conversation> {
    const { runner, session, start } = parts.assignment;
    const store = new SessionStore(parts.root);
    const path = start.session ?? (session === '' ? undefined : sessionPath(session));
    const held = path === undefined ? undefined : await store.load(path);
    if (held === undefined && start.session !== undefined) throw new StartUnusable(`there is no ${start.session}`);
    if (held !== undefined && held.runner !== runner) {
      throw new SessionUnusable(
        'runner.session_foreign',
        `the conversation ${held.session} was led by ${held.runner}; ${runner} cannot go on with it`,
      );
    }
    return new Conversation(parts, store, held);
  }

  get latest(): SessionFile | undefined {
    return this.held;
  }

  /** Goes on from here. What cannot be saved is told; the file of before stays. */
  async keep(conversation: SessionFile): Promise<void> {
    this.held = conversation;
    if (this.session === '') return;
    const path = sessionPath(this.session);
    try {
      const bytes = await this.store.save(path, { ...conversation, session: this.session });
      await this.emit({ sessionSaved: { session: this.session, path, bytes: String(bytes) } });
    } catch (error) {
      if (!(error instanceof SessionUnusable)) throw error;
      await this.emit({ error: { reason: error.reason, message: error.message } });
    }
  }
}
