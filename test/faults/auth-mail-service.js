// @ts-check
// A service with users whose mail is sent by jobs in PostgreSQL; tells its port.
import Fastify from "fastify";
import { addAuthUsers } from "svc-infra/auth";
import { addJobs } from "svc-infra/jobs";
import { addMail, mailJobs } from "svc-infra/mail";
import { addSqlDb } from "svc-infra/sql";

// The clients of the test are told apart by the address that they name.
const app = Fastify({ trustProxy: true });
await addSqlDb(app, { autoMigrate: false, health: false });
await addMail(app);
await addJobs(app, { driver: "postgres", jobs: [...mailJobs(app)], outboxPollMs: 50, health: false });
await addAuthUsers(app);
await app.listen({ port: 0, host: "127.0.0.1" });
process.send?.(Object(app.server.address()).port);
