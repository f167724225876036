import { has, type Project } from "../project.js";

/** The folder of the image that may be written; everything else is read-only. */
export const dataFolder = "/data";

/** The user of the image, by number, so that Kubernetes can see that it is not root. */
export const userId = 1000;

/** Applies the migrations; more than one at the same time wait for each other. */
export const migrateCommand = ["node_modules/.bin/svc-infra", "db", "migrate"];

/** An image in two stages: what builds it stays behind. Exec form, so that Node itself gets the signals. */
export function dockerfile(project: Project): string {
  return `FROM node:24-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY tsconfig.json ./
COPY src ./src
COPY test ./test
RUN npm run build && npm prune --omit=dev --no-audit --no-fund

FROM node:24-slim
WORKDIR /app
ENV NODE_ENV=production HOST=0.0.0.0 PORT=8000
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist/src ./dist/src
${has(project, "sql") ? "COPY migrations ./migrations\n" : ""}RUN mkdir ${dataFolder} && chown ${userId}:${userId} ${dataFolder}
USER ${userId}:${userId}
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s CMD ["node", "-e", "fetch('http://127.0.0.1:' + process.env.PORT + '/healthz').then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "dist/src/main.js"]
`;
}

export const dockerIgnore = `node_modules
dist
.data
.env
.git
`;
