/** Workspaces of an org, by name. */

import { Injectable } from '@nestjs/common';
import { Store } from '@sallyport/store/store';
import { findWorkspace, listWorkspaceRows, type WorkspaceRow } from './workspace.store.ts';

const defaultPage = 50;
const maxPage = 200;

@Injectable()
export class ListWorkspaces {
  constructor(private readonly store: Store) {}

  one(org: string, name: string): Promise<WorkspaceRow> {
    return this.store.tx(org, (db) => findWorkspace(db, org, name));
  }

  /** A page behind a name; `next` is empty at the end. */
  async execute(
    org: string,
    after: string,
    pageSize: number,
  ): Promise<{ rows: readonly WorkspaceRow[]; next: string }> {
    const size = Math.min(maxPage, pageSize > 0 ? pageSize : defaultPage);
    const rows = await this.store.tx(org, (db) => listWorkspaceRows(db, org, after, size + 1));
    const page = rows.slice(0, size);
    return { rows: page, next: rows.length > size ? (page.at(-1)?.name ?? '') : '' };
  }
}
