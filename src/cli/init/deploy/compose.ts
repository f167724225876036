import { has, type Project } from "../project.js";
import { dataFolder, migrateCommand } from "./docker.js";

/** The service with what it needs, on one machine: a read-only root, one volume, PostgreSQL when it has a database. */
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
    ports: ["8000:8000"]
${environment(project)}${volumes(project)}${has(project, "sql") ? databaseParts : ""}${volumeList(project)}`;
}

function environment(project: Project): string {
  const lines = [
    ...(has(project, "storage")
      ? [
          "STORAGE_BACKEND: local",
          `STORAGE_BASE_PATH: ${dataFolder}/files`,
          `STORAGE_BASE_URL: \${STORAGE_BASE_URL:-http://localhost:8000/files}`,
          `STORAGE_SIGNING_SECRET: \${STORAGE_SIGNING_SECRET:?set it to at least 32 random characters}`,
        ]
      : []),
    ...(has(project, "sql") ? [`SQL_URL: postgresql://app:\${DB_PASSWORD:?set it}@db:5432/app`] : []),
    ...(has(project, "mail") ? [`MAIL_URL: \${MAIL_URL:?set it}`] : []),
  ];
  return lines.length === 0 ? "" : `    environment:\n${lines.map((line) => `      ${line}\n`).join("")}`;
}

function volumes(project: Project): string {
  return has(project, "storage") ? `    volumes: ["data:${dataFolder}"]\n` : "";
}

const databaseParts = `    depends_on:
      migrate: { condition: service_completed_successfully }
  migrate:
    build: .
    command: ${JSON.stringify(migrateCommand)}
    environment:
      SQL_URL: postgresql://app:\${DB_PASSWORD:?set it}@db:5432/app
    read_only: true
    tmpfs: [/tmp]
    cap_drop: [ALL]
    restart: "no"
    depends_on:
      db: { condition: service_healthy }
  db:
    image: postgres:17
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

function volumeList(project: Project): string {
  const names = [...(has(project, "storage") ? ["data"] : []), ...(has(project, "sql") ? ["db"] : [])];
  return names.length === 0 ? "" : `volumes:\n${names.map((name) => `  ${name}: {}\n`).join("")}`;
}
