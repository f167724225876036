/** What the contract is made of: all that a layer may lean on. */
const contract = "^src/storage/(?:contract/|capability\\.ts$)";
/** What a backend may lean on beyond the contract: bodies, types and opened objects. */
const content = "^src/storage/content/";
/** The layers themselves; what else lies beside them is what they are made of. */
const layers = "^src/storage/layers/(?:prefix|metrics|retry|timeout|chaos|signing)\\.ts$";
/** The places that know HTTP or the command line. */
const edges = [
  "^src/(?:http|health|cli|outbound|app|versioning)/",
  "^src/[a-z]+/(?:fastify/|plugin\\.ts$)",
  "^src/[a-z]+/routes/",
];

/** @type {import("dependency-cruiser").IConfiguration} */
export default {
  forbidden: [
    {
      name: "no-cycles",
      severity: "error",
      from: {},
      to: { circular: true },
    },
    {
      name: "no-unresolved",
      comment: "What a page imports are addresses of the service.",
      severity: "error",
      from: { pathNot: "^src/app/page/assets/" },
      to: { couldNotResolve: true },
    },
    {
      name: "only-installed-packages",
      comment: "What is published may lean only on what is installed with it.",
      severity: "error",
      from: { path: "^src/" },
      to: { dependencyTypes: ["npm-dev", "npm-no-pkg", "npm-unknown"], dependencyTypesNot: ["npm-peer"] },
    },
    {
      name: "kernel-knows-nobody",
      severity: "error",
      from: { path: "^src/kernel/" },
      to: { path: "^src/", pathNot: "^src/kernel/" },
    },
    {
      name: "kernel-needs-only-zod",
      severity: "error",
      from: { path: "^src/kernel/" },
      to: { path: "node_modules/", pathNot: "node_modules/zod/" },
    },
    {
      name: "http-knows-the-kernel",
      severity: "error",
      from: { path: "^src/http/" },
      to: { path: "^src/", pathNot: "^src/(?:http|kernel)/" },
    },
    {
      name: "foreign-addresses-by-one-client",
      comment: "Webhooks and imports dial addresses that strangers chose; only outbound checks them.",
      severity: "error",
      from: { path: "^src/(?:webhooks|events|storage/import)/" },
      to: { path: ["node_modules/undici/", "^(node:)?(?:https?|http2|net|tls|dns|dgram)(?:/promises)?$"] },
    },
    {
      name: "features-by-their-index",
      comment: "A feature knows another by its public face; the command line puts everything together.",
      severity: "error",
      from: { path: "^src/([^/]+)/", pathNot: ["^src/cli/", "^src/app/(?:list/|helper-options\\.ts$)"] },
      to: { path: "^src/[^/]+/", pathNot: ["^src/$1/", "^src/[^/]+/index\\.ts$"] },
    },
    {
      name: "storage-core-knows-the-kernel",
      comment:
        "prefix is what forTenant is made of; a policy is what all content passes; an upload is a way in.",
      severity: "error",
      from: {
        path: "^src/storage/(?:contract/|content/)?[^/]+\\.ts$",
        pathNot: "^src/storage/(?:index|backends|from-env|easy-storage)\\.ts$",
      },
      to: {
        path: "^src/",
        pathNot: [
          "^src/storage/(?:contract/|content/)?[^/]+\\.ts$",
          "^src/kernel/",
          "^src/storage/layers/prefix\\.ts$",
          "^src/storage/(?:policy|uploads|import)/",
        ],
      },
    },
    {
      name: "layers-know-the-contract",
      severity: "error",
      from: { path: "^src/storage/layers/" },
      to: { path: "^src/", pathNot: [contract, "^src/storage/layers/"] },
    },
    {
      name: "layers-know-no-sibling",
      comment: "stack is where their order is fixed.",
      severity: "error",
      from: { path: "^src/storage/layers/([^/]+)\\.ts$", pathNot: "^src/storage/layers/stack\\.ts$" },
      to: { path: layers, pathNot: "^src/storage/layers/$1\\.ts$" },
    },
    {
      name: "backends-know-the-contract",
      severity: "error",
      from: { path: "^src/storage/backends/([^/]+)/", pathNot: "^src/storage/backends/[^/]+/settings\\.ts$" },
      to: { path: "^src/", pathNot: [contract, content, "^src/storage/backends/$1/"] },
    },
    {
      name: "browser-client-knows-nobody",
      comment: "It runs in pages, where there is no Node and every byte is loaded.",
      severity: "error",
      from: { path: "^src/storage/browser/" },
      to: { pathNot: "^src/storage/browser/" },
    },
    {
      name: "backend-settings-know-the-kernel",
      comment: "They are read at every start, so they load nothing of the backend before it is made.",
      severity: "error",
      from: { path: "^src/storage/backends/[^/]+/settings\\.ts$" },
      to: {
        path: "^src/",
        pathNot: [contract, "^src/kernel/"],
        dynamic: false,
        dependencyTypesNot: ["type-only"],
      },
    },
    {
      name: "backends-are-named-in-one-place",
      severity: "error",
      from: { path: "^src/", pathNot: "^src/(?:storage/backends(?:/|\\.ts$)|cli/)" },
      to: { path: "^src/storage/backends/" },
    },
    {
      name: "backends-are-loaded-on-demand",
      severity: "error",
      from: { path: "^src/(?:storage/backends\\.ts$|cli/)" },
      to: { path: "^src/storage/backends/", pathNot: "/settings\\.ts$", dynamic: false },
    },
    {
      name: "http-at-the-edges",
      severity: "error",
      from: { path: "^src/", pathNot: edges },
      to: { path: ["node_modules/(?:fastify|fastify-plugin|@fastify)/", "^(node:)?https?$"] },
    },
    {
      name: "routes-at-the-edges",
      severity: "error",
      from: { path: "^src/", pathNot: [...edges, "^src/index\\.ts$"] },
      to: { path: "^src/[a-z]+/fastify/" },
    },
    {
      name: "command-line-in-cli",
      severity: "error",
      from: { path: "^src/", pathNot: ["^src/cli/", "^src/app/start-service\\.ts$"] },
      to: { path: "^src/cli/|node_modules/(?:commander|close-with-grace)/" },
    },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    enhancedResolveOptions: { exportsFields: ["exports"], conditionNames: ["types", "import", "default"] },
  },
};
