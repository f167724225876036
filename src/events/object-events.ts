import { z } from "zod";
import type { Database } from "../sql/index.js";
import type { ObjectNews, ObjectStat } from "../storage/index.js";
import { defineEvent, type EventDefinition } from "./define-event.js";
import type { Events } from "./events.js";

const created = defineEvent(
  "storage.object.created",
  z.object({ key: z.string(), size: z.int(), contentType: z.string(), etag: z.string() }),
);
const deleted = defineEvent("storage.object.deleted", z.object({ key: z.string() }));
const infected = defineEvent("storage.object.infected", z.object({ key: z.string() }));

/**
 * What `addStorage` publishes, those of them that `addEvents` was given: an object was stored, was deleted, or was refused as
 * its content is infected. Keys are those of the whole storage, as in `acme/logo.png`.
 *
 * @example
 * await addEvents(app, { events: Object.values(objectEvents), tenantOfKey: (key) => key.split("/", 1)[0] });
 * await addStorage(app);
 */
export const objectEvents = Object.freeze({ created, deleted, infected });

/** The tenant that an object belongs to; `undefined` for none. */
export type TenantOfKey = (key: string) => string | undefined;

/** Publishes news of objects, each for the tenant of its key; an object of no tenant is told to jobs alone. */
export class ObjectEvents implements ObjectNews {
  readonly #events: Events;
  readonly #db: () => Database;
  readonly #tenantOf: TenantOfKey;

  constructor(events: Events, db: () => Database, tenantOf: TenantOfKey) {
    this.#events = events;
    this.#db = db;
    this.#tenantOf = tenantOf;
  }

  async created({ key, size, contentType, etag }: ObjectStat): Promise<void> {
    await this.#publish(created, [{ key, size, contentType, etag }]);
  }

  async deleted(keys: readonly string[]): Promise<void> {
    await this.#publish(
      deleted,
      keys.map((key) => ({ key })),
    );
  }

  async infected(key: string): Promise<void> {
    await this.#publish(infected, [{ key }]);
  }

  /** Publishes all or nothing; an event of a kind that `addEvents` was not given is left out. */
  async #publish<Data extends { readonly key: string }>(
    definition: EventDefinition<Data>,
    all: readonly Data[],
  ): Promise<void> {
    if (!this.#events.definitions.includes(definition as EventDefinition<never>)) return;
    const publish = async (db: Database) => {
      for (const data of all) {
        const tenant = this.#tenantOf(data.key) ?? "";
        await this.#events.publish<Data>(db, definition, data as NoInfer<Data>, {
          tenant,
          subject: data.key,
        });
      }
    };
    // One row needs no transaction.
    await (all.length === 1 ? publish(this.#db()) : this.#db().transaction(publish));
  }
}
