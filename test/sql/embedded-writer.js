// @ts-check
// Opens the embedded database of a folder, writes rows one by one and tells how many are committed, until it is killed.
import { easySqlDb } from "svc-infra/sql";

const { db } = await easySqlDb({ url: `pglite:${process.argv[2]}` }, { env: {} });
await db.execute("create table if not exists written (id int primary key)");
for (let id = 1; ; id++) {
  await db.execute(`insert into written values (${id})`);
  process.send?.(id);
}
