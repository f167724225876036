import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import type { Command } from "commander";
import { ConfigurationError } from "../../kernel/index.js";
import { packagesOfProject } from "../init/package-json.js";
import {
  type DeployTarget,
  deployTargets,
  type Project,
  type ProjectHelper,
  projectHelpers,
} from "../init/project.js";
import { projectFiles } from "../init/project-files.js";
import { ownPackage } from "../package-facts.js";

interface InitOptions {
  readonly with: string;
  readonly deploy: string;
  readonly install: boolean;
  readonly kit?: string;
}

/** Adds `init`: a new project that runs at once. */
export function registerInit(program: Command): void {
  program
    .command("init")
    .description(
      "Make a new project: a service that runs at once, with a test, and what it takes to deploy it.",
    )
    .argument(
      "<folder>",
      "folder of the project, which must be empty or not there; its name is the service's",
    )
    .option("--with <helpers>", `helpers, separated by commas: ${projectHelpers.join(", ")}`, "storage")
    .option("--deploy <targets>", `where it will run, separated by commas: ${deployTargets.join(", ")}`, "")
    .option("--no-install", "do not run npm install")
    .option("--kit <spec>", "what to install as svc-infra: a version, or the path of a tarball")
    .addHelpText(
      "after",
      `
Examples:
  $ svc-infra init shop && cd shop && npm start
  $ svc-infra init shop --with storage,sql,jobs,mail --deploy docker,kubernetes
  $ npm create svc-infra shop                      the same, when nothing is installed yet
  $ svc-infra init shop --with ""                  the bare service

Exit codes: 0 the project is there; 1 it could not be made, and nothing of another file was changed.`,
    )
    .action(init);
}

function init(folder: string, options: InitOptions): void {
  const target = resolve(folder);
  const project = projectOf(basename(target), options);
  if (existsSync(target) && readdirSync(target).length > 0) throw wrong("folder", `${folder} is not empty`);
  for (const [path, text] of Object.entries(projectFiles(project))) write(join(target, path), text);
  if (options.install) install(target);
  const steps = [`cd ${folder}`, ...(options.install ? [] : ["npm install"]), "npm start"];
  process.stdout.write(
    `${project.name} is in ${target}. Next:\n${steps.map((step) => `  ${step}\n`).join("")}`,
  );
}

function projectOf(name: string, options: InitOptions): Project {
  if (!/^[a-z]([a-z0-9-]{0,49}[a-z0-9])?$/.test(name)) {
    const expected =
      "at most 51 small letters, digits and hyphens; it begins with a letter and does not end with a hyphen";
    throw wrong("<folder>", `'${name}' is no name for a service; expected ${expected}`);
  }
  const { version, dependencies, peerDependencies } = ownPackage();
  const project = {
    name,
    helpers: wordsOf<ProjectHelper>("--with", options.with, projectHelpers),
    deploy: wordsOf<DeployTarget>("--deploy", options.deploy, deployTargets),
    kit: options.kit === undefined ? `^${version}` : specOf(options.kit),
    ranges: { ...dependencies, ...peerDependencies },
  };
  if (packagesOfProject(project).includes(name)) {
    throw wrong(
      "<folder>",
      `'${name}' is a package that the project needs, and npm installs none of its own name`,
    );
  }
  return project;
}

/** A path means the same from inside the project. */
function specOf(kit: string): string {
  return existsSync(kit) ? `file:${resolve(kit)}` : kit;
}

function wordsOf<Word extends string>(
  option: string,
  given: string,
  known: readonly Word[],
): readonly Word[] {
  const words = given
    .split(",")
    .map((word) => word.trim())
    .filter((word) => word !== "");
  const unknown = words.find((word) => !known.some((each) => each === word));
  if (unknown !== undefined)
    throw wrong(option, `there is no '${unknown}'; expected some of ${known.join(", ")}`);
  return known.filter((word) => words.includes(word));
}

function write(file: string, text: string): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text, { flag: "wx" });
}

function install(folder: string): void {
  const { status } = spawnSync("npm", ["install", "--no-audit", "--no-fund", "--loglevel=error"], {
    cwd: folder,
    stdio: ["ignore", "ignore", "inherit"],
  });
  if (status !== 0) throw wrong("npm install", "failed; the project is there, so run it again by hand");
}

function wrong(name: string, message: string): ConfigurationError {
  return new ConfigurationError([{ name, message }]);
}
