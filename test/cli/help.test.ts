import type { Command } from "commander";
import { afterAll, expect, it } from "vitest";
import { createProgram } from "#dist/cli/program.js";
import { serveVariables } from "#dist/cli/serve-settings.js";
import { storageVariables } from "#dist/storage/settings.js";
import { CommandLine } from "./command-line.js";

const cli = new CommandLine();
afterAll(() => cli.dispose());

it("--help shows the commands and examples, and ends with 0", async () => {
  const { code, stdout } = await cli.run(["--help"]);
  expect(code).toBe(0);
  expect(stdout).toMatch(/serve/);
  expect(stdout).toMatch(/\$ svc-infra serve/);
});

it("serve --help names every variable that it reads", async () => {
  const { code, stdout } = await cli.run(["serve", "--help"]);
  expect(code).toBe(0);
  for (const { name } of Object.values({ ...serveVariables, ...storageVariables }))
    expect(stdout).toContain(name);
  expect(stdout).toContain("(default: ./.data/storage; where STORAGE_BACKEND is local, /data/uploads)");
});

it.each([[["--nope"]], [["serve", "--nope"]], [["sevre"]], [["serve", "extra"]]])(
  "%j is refused with 2 and a hint",
  async (args) => {
    const { code, stderr } = await cli.run(args);
    expect(code).toBe(2);
    expect(stderr).toContain("--help");
  },
);

it("tells its version", async () => {
  const { code, stdout } = await cli.run(["--version"]);
  expect([code, stdout]).toEqual([0, expect.stringMatching(/^\d+\.\d+\.\d+\n$/)]);
});

/** A command with its full name, and all below it. */
function withAllBelow(command: Command, path: string): readonly (readonly [string, Command])[] {
  const below = command.commands.flatMap((each) => withAllBelow(each, `${path} ${each.name()}`));
  return [[path, command], ...below];
}

const commands = withAllBelow(await createProgram(), "svc-infra");

/** What a command runs under its name: no group of others. */
const leaves = commands.filter(([, { commands: below }]) => below.length === 0);

function helpOf(command: Command): string {
  let text = "";
  command.configureOutput({ writeOut: (piece) => (text += piece) });
  command.outputHelp();
  return text;
}

/** Lines of a help text that can be typed. */
function examplesOf(command: Command): readonly string[] {
  return helpOf(command).match(/^ {2}\$ .*$/gm) ?? [];
}

function optionsOf(path: string): readonly string[] {
  const found = commands.find(([each]) => each === path)?.[1];
  return ["--help", ...(found?.options.map(({ long }) => long ?? "") ?? [])];
}

it.each(commands)("%s has a description, and an example of itself", (path, command) => {
  expect(command.description()).toMatch(/^[A-Z].*\.$/s);
  expect(examplesOf(command).filter((line) => line.includes(path))).not.toEqual([]);
  for (const { description, flags } of command.options) expect([flags, description]).not.toEqual([flags, ""]);
  for (const argument of command.registeredArguments) expect(argument.description).not.toBe("");
});

it("examples name only commands and options that there are", () => {
  const calls = commands
    .flatMap(([, command]) => examplesOf(command))
    .flatMap((line) => line.match(/(?<!create )svc-infra(?: (?!svc-infra|&&)[^\s|>)&]+)*/g) ?? []);
  expect(calls.length).toBeGreaterThan(leaves.length);
  for (const call of calls) {
    const path = commands.findLast(([each]) => `${call} `.startsWith(`${each} `))?.[0] ?? "";
    const used = call.match(/ --[a-z-]+/g)?.map((option) => option.trim()) ?? [];
    expect([call, used.filter((option) => !optionsOf(path).includes(option))]).toEqual([call, []]);
    // A group is only asked for its help.
    if (!leaves.some(([leaf]) => leaf === path)) expect(call).toBe(`${path} --help`);
  }
});

/** These print bytes, or the log of a process that goes on, or make files and tell the next step. */
const withoutData = ["init", "serve", "jobs run", "storage cat"];

it.each(leaves.filter(([path]) => !withoutData.includes(path.replace("svc-infra ", ""))))(
  "%s prints its data as JSON with --json",
  (path) => {
    expect(optionsOf(path)).toContain("--json");
  },
);
