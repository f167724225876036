/** The helpers that a new project can have. */
export const projectHelpers = ["storage", "sql", "cache", "jobs", "mail"] as const;

export type ProjectHelper = (typeof projectHelpers)[number];

/** Where a new project can be deployed to. */
export const deployTargets = ["docker", "compose", "railway", "render", "kubernetes"] as const;

export type DeployTarget = (typeof deployTargets)[number];

/** What a new project is to be. */
export interface Project {
  readonly name: string;
  readonly helpers: readonly ProjectHelper[];
  readonly deploy: readonly DeployTarget[];
  /** What `dependencies` says of svc-infra: a version, or the path of a tarball. */
  readonly kit: string;
  /** The ranges that the kit was written for, by package. */
  readonly ranges: Readonly<Record<string, string>>;
}

/** The text of each file, by its path. */
export type ProjectFiles = Readonly<Record<string, string>>;

export function has(project: Project, helper: ProjectHelper): boolean {
  return project.helpers.includes(helper);
}
