import { deployFiles } from "./deploy/index.js";
import { railwayNote } from "./deploy/platforms.js";
import { packageJson } from "./package-json.js";
import { has, type Project, type ProjectFiles } from "./project.js";
import { sources } from "./sources.js";

/** Every file of a new project. */
export function projectFiles(project: Project): ProjectFiles {
  return {
    "package.json": packageJson(project),
    "tsconfig.json": tsconfig,
    ".gitignore": "node_modules/\ndist/\n.data/\n.env\n",
    ".env.example": envExample(project),
    "README.md": readme(project),
    ...sources(project),
    ...(has(project, "sql") ? { "migrations/README.md": migrationsReadme } : {}),
    ...deployFiles(project),
  };
}

const tsconfig = `${JSON.stringify(
  {
    compilerOptions: {
      target: "es2023",
      module: "nodenext",
      types: ["node"],
      rootDir: ".",
      outDir: "dist",
      strict: true,
      noUncheckedIndexedAccess: true,
      skipLibCheck: true,
      incremental: true,
    },
    include: ["src", "test"],
  },
  null,
  2,
)}\n`;

function envExample({ helpers }: Project): string {
  const of = {
    storage: "# STORAGE_S3_BUCKET=my-uploads\n# STORAGE_BASE_PATH=./.data/storage\n",
    sql: "# SQL_URL=postgresql://user:password@localhost:5432/database\n",
    cache: "# CACHE_URL=redis://localhost:6379\n",
    jobs: "# JOBS_DRIVER=redis\n",
    mail: "# MAIL_URL=smtp://localhost:1025\n",
  };
  const common =
    "# PORT=8000\n# CORS_ALLOW_ORIGINS=http://localhost:5173\n# REDIS_URL=redis://localhost:6379\n";
  return `# Copy to .env. \`npx svc-infra env --all\` shows every variable.\n${common}${helpers.map((each) => of[each]).join("")}`;
}

const migrationsReadme = `# Migrations

\`npx svc-infra db generate\` writes them here from the tables in \`src/schema.ts\`, \`npx svc-infra db migrate\` applies them.
`;

function readme(project: Project): string {
  const { name, deploy } = project;
  const deployed = deploy.length === 0 ? "" : `\nDeployment files are here for ${deploy.join(", ")}.\n`;
  const volume = deploy.includes("railway") && has(project, "storage") ? `\n${railwayNote}\n` : "";
  return `# ${name}

\`\`\`
npm start      http://localhost:8000, with /docs
npm test
\`\`\`

\`npx svc-infra env\` shows what is set, \`npx svc-infra doctor\` what is wrong. Nothing needs to be set on a laptop.
${deployed}${volume}`;
}
