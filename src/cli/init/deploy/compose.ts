import { has, type Project } from "../project.js";
import { dataFolder, migrateCommand } from "./docker.js";

/** The service with what it needs, on one machine: a read-only root, one volume, and the servers that its helpers want. */
export function composeFile(project: Project): string {
  return `services:
  app:
    build: .
    read_only: true
    tmpfs: [/tmp]
    init: false
    cap_drop: [ALL]
    security_opt: ["no-new-privileges:true"]
    stop_grace_period: 20s
    restart: unless-stopped
    ports: ["8000:8000"]
${environment(project)}${volumes(project)}${waits(project)}${has(project, "sql") ? databaseParts : ""}${needsRedis(project) ? redisPart : ""}${volumeList(project)}`;
}

function environment(project: Project): string {
  const lines = [
    ...(has(project, "storage")
      ? [
          "STORAGE_BACKEND: local",
          `STORAGE_BASE_PATH: ${dataFolder}/files`,
          `STORAGE_BASE_URL: \${STORAGE_BASE_URL:?set it to where clients reach /files, as https://shop.example.com/files}`,
          `STORAGE_SIGNING_SECRET: \${STORAGE_SIGNING_SECRET:?set it to at least 32 random characters}`,
        ]
      : []),
    ...(has(project, "sql") ? databaseVariables : []),
    ...(needsRedis(project) ? ["REDIS_URL: redis://redis:6379"] : []),
    ...(has(project, "mail") ? [`MAIL_URL: \${MAIL_URL:?set it}`] : []),
  ];
  return lines.length === 0 ? "" : `    environment:\n${entries(lines)}`;
}

function entries(lines: readonly string[]): string {
  return lines.map((line) => `      ${line}\n`).join("");
}

function volumes(project: Project): string {
  return has(project, "storage") ? `    volumes: ["data:${dataFolder}"]\n` : "";
}

/** Without it jobs would be kept in the process, and lost with it, and each process would have a cache of its own. */
function needsRedis(project: Project): boolean {
  return has(project, "jobs") || has(project, "cache");
}

function waits(project: Project): string {
  const lines = [
    ...(has(project, "sql") ? ["migrate: { condition: service_completed_successfully }"] : []),
    ...(needsRedis(project) ? ["redis: { condition: service_healthy }"] : []),
  ];
  return lines.length === 0 ? "" : `    depends_on:\n${entries(lines)}`;
}

/** By parts, as a password may have characters that a URL does not take. */
const databaseVariables = [
  "DB_HOST: db",
  "DB_NAME: app",
  "DB_USER: app",
  `DB_PASSWORD: \${DB_PASSWORD:?set it}`,
];

const databaseParts = `  migrate:
    build: .
    command: ${JSON.stringify(migrateCommand)}
    environment:
${entries(databaseVariables)}    read_only: true
    tmpfs: [/tmp]
    cap_drop: [ALL]
    restart: "no"
    depends_on:
      db: { condition: service_healthy }
  db:
    image: postgres:17
    restart: unless-stopped
    environment:
      POSTGRES_USER: app
      POSTGRES_PASSWORD: \${DB_PASSWORD:?set it}
    volumes: ["db:/var/lib/postgresql/data"]
    healthcheck:
      test: ["CMD", "pg_isready", "-U", "app"]
      interval: 2s
      timeout: 2s
      retries: 30
`;

/** Jobs survive a restart of it, and it must not evict them. No port is published: only the service reaches it. */
const redisPart = `  redis:
    image: redis:8
    restart: unless-stopped
    command: ["redis-server", "--appendonly", "yes", "--maxmemory-policy", "noeviction"]
    volumes: ["redis:/data"]
    healthcheck:
      test: ["CMD", "redis-cli", "ping"]
      interval: 2s
      timeout: 2s
      retries: 30
`;

function volumeList(project: Project): string {
  const names = [
    ...(has(project, "storage") ? ["data"] : []),
    ...(has(project, "sql") ? ["db"] : []),
    ...(needsRedis(project) ? ["redis"] : []),
  ];
  return names.length === 0 ? "" : `volumes:\n${names.map((name) => `  ${name}: {}\n`).join("")}`;
}
