/** The service's database. */
export { openSqliteStore } from './sqlite/sqlite-store.ts';
export type { Appended, Grant, LogFilter, NewEvent, Store, StoredEvent } from './store.ts';
