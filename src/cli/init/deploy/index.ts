import type { DeployTarget, Project, ProjectFiles } from "../project.js";
import { composeFile } from "./compose.js";
import { dockerfile, dockerIgnore } from "./docker.js";
import { kubernetesManifests } from "./kubernetes.js";
import { railwayFile, renderFile } from "./platforms.js";

/** The files of each target. All of them run the same image. */
const filesOf: Readonly<Record<DeployTarget, (project: Project) => ProjectFiles>> = {
  docker: () => ({}),
  compose: (project) => ({ "compose.yaml": composeFile(project) }),
  railway: (project) => ({ "railway.json": railwayFile(project) }),
  render: (project) => ({ "render.yaml": renderFile(project) }),
  kubernetes: (project) => ({ "kubernetes.yaml": kubernetesManifests(project) }),
};

/** What a project needs to be deployed where it was asked for. */
export function deployFiles(project: Project): ProjectFiles {
  if (project.deploy.length === 0) return {};
  const image = { Dockerfile: dockerfile(project), ".dockerignore": dockerIgnore };
  return Object.assign({}, image, ...project.deploy.map((target) => filesOf[target](project)));
}
