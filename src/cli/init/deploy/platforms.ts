import { has, type Project } from "../project.js";
import { dataFolder, migrateCommand } from "./docker.js";

/** Config as code of Railway. A volume is attached in its dashboard, as `railwayNote` says. */
export function railwayFile(project: Project): string {
  const file = {
    $schema: "https://railway.com/railway.schema.json",
    build: { builder: "DOCKERFILE", dockerfilePath: "Dockerfile" },
    deploy: {
      ...(has(project, "sql") ? { preDeployCommand: [migrateCommand.join(" ")] } : {}),
      healthcheckPath: "/readyz",
      healthcheckTimeout: 60,
      overlapSeconds: 10,
      drainingSeconds: 20,
      restartPolicyType: "ON_FAILURE",
      restartPolicyMaxRetries: 10,
    },
  };
  return `${JSON.stringify(file, null, 2)}\n`;
}

/** What the file cannot say: neither volumes nor variables are config as code. */
export const railwayNote = `On Railway, attach a volume to the service; its mount path is then the folder of the storage. Set \`RAILWAY_RUN_UID=0\` beside it:
Railway mounts volumes for root, and the image runs as another user, which cannot write there.`;

/** Blueprint of Render. */
export function renderFile(project: Project): string {
  const { name } = project;
  const disk = `    disk:
      name: data
      mountPath: ${dataFolder}
      sizeGB: 1
`;
  const storageVariables = `      - key: STORAGE_BACKEND
        value: local
      - key: STORAGE_BASE_PATH
        value: ${dataFolder}/files
      - key: STORAGE_BASE_URL
        sync: false
      - key: STORAGE_SIGNING_SECRET
        generateValue: true
`;
  const sqlVariables = `      - key: SQL_URL
        fromDatabase:
          name: ${name}-db
          property: connectionString
`;
  const mailVariables = "      - key: MAIL_URL\n        sync: false\n";
  const database = `databases:
  - name: ${name}-db
    plan: basic-256mb
`;
  return `services:
  - type: web
    name: ${name}
    runtime: docker
    plan: starter
    healthCheckPath: /readyz
${has(project, "sql") ? `    preDeployCommand: ${migrateCommand.join(" ")}\n` : ""}${has(project, "storage") ? disk : ""}    envVars:
      - key: NODE_ENV
        value: production
${has(project, "storage") ? storageVariables : ""}${has(project, "sql") ? sqlVariables : ""}${has(project, "mail") ? mailVariables : ""}${has(project, "sql") ? database : ""}`;
}
