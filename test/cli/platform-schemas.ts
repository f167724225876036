/**
 * What the references of the platforms say of the fields that our manifests use, written here by hand as JSON Schema: neither
 * platform publishes its own in a package. They know fewer values than the platforms, so that what passes here is documented:
 * https://render.com/docs/blueprint-spec and https://docs.railway.com/config-as-code/reference, read in November 2026.
 */
const text = { type: "string", minLength: 1 };

/** An object that has these fields and no others. */
function object(properties: Readonly<Record<string, object>>, required: readonly string[]) {
  return { type: "object", properties, required, additionalProperties: false };
}

const database = object(
  { name: text, property: { enum: ["connectionString", "host", "port", "user", "password", "database"] } },
  ["name", "property"],
);

/** One source for each variable: a value, one that is made, one that is asked for, or one of a database. */
const variable = {
  oneOf: [
    object({ key: text, value: text }, ["key", "value"]),
    object({ key: text, generateValue: { const: true } }, ["key", "generateValue"]),
    object({ key: text, sync: { const: false } }, ["key", "sync"]),
    object({ key: text, fromDatabase: database }, ["key", "fromDatabase"]),
  ],
};

const disk = object(
  { name: text, mountPath: { type: "string", pattern: "^/." }, sizeGB: { type: "integer", minimum: 1 } },
  ["name", "mountPath"],
);

const renderService = {
  ...object(
    {
      type: { const: "web" },
      name: text,
      runtime: { const: "docker" },
      plan: { enum: ["starter", "standard", "pro", "pro plus", "pro max", "pro ultra"] },
      healthCheckPath: { type: "string", pattern: "^/" },
      maxShutdownDelaySeconds: { type: "integer", minimum: 1, maximum: 300 },
      preDeployCommand: text,
      dockerfilePath: text,
      numInstances: { type: "integer", minimum: 1 },
      disk,
      envVars: { type: "array", items: variable },
    },
    ["type", "name", "runtime"],
  ),
  // Render answers "max shutdown delay is not supported for services with a disk", though its own schema lets it pass, and runs
  // one instance of a service with a disk.
  dependentSchemas: { disk: { properties: { maxShutdownDelaySeconds: false, numInstances: { const: 1 } } } },
};

/** A Blueprint with services of Docker and databases. */
export const renderSchema = object(
  {
    services: { type: "array", items: renderService },
    databases: {
      type: "array",
      items: object({ name: text, plan: { enum: ["free", "basic-256mb", "basic-1gb", "basic-4gb"] } }, [
        "name",
      ]),
    },
  },
  ["services"],
);

const seconds = { type: "integer", minimum: 0 };

/** Config as code of a service that is built from its Dockerfile. Railway's parser takes seconds as numbers only. */
export const railwaySchema = object(
  {
    $schema: { const: "https://railway.com/railway.schema.json" },
    build: object({ builder: { enum: ["RAILPACK", "DOCKERFILE"] }, dockerfilePath: text }, ["builder"]),
    deploy: object(
      {
        preDeployCommand: { type: "array", items: text, minItems: 1, maxItems: 1 },
        healthcheckPath: { type: "string", pattern: "^/" },
        healthcheckTimeout: seconds,
        overlapSeconds: seconds,
        drainingSeconds: seconds,
        restartPolicyType: { enum: ["ON_FAILURE", "ALWAYS", "NEVER"] },
        restartPolicyMaxRetries: { type: "integer", minimum: 0 },
      },
      [],
    ),
  },
  ["build", "deploy"],
);
