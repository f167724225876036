import { has, type Project } from "../project.js";
import { dataFolder, migrateCommand, userId } from "./docker.js";

/** A Deployment that rolls without losing a request, its Service, and a budget that keeps one pod running. */
export function kubernetesManifests(project: Project): string {
  const parts = [deployment(project), service(project), budget(project)];
  return [...parts, ...volumeClaim(project), ...migration(project)].join("---\n");
}

/** With files on a disk there is one pod: a second one needs a storage that both reach, such as S3. */
function deployment(project: Project): string {
  const { name } = project;
  const isSingle = has(project, "storage");
  const strategy = isSingle
    ? "{ type: Recreate }"
    : "{ type: RollingUpdate, rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } }";
  return `apiVersion: apps/v1
kind: Deployment
metadata: { name: ${name}, labels: { app: ${name} } }
spec:
  replicas: ${isSingle ? 1 : 3}
  strategy: ${strategy}
  selector: { matchLabels: { app: ${name} } }
  template:
    metadata: { labels: { app: ${name} } }
    spec:
      terminationGracePeriodSeconds: 30
      automountServiceAccountToken: false
      securityContext:
        runAsNonRoot: true
        runAsUser: ${userId}
        runAsGroup: ${userId}
        fsGroup: ${userId}
        seccompProfile: { type: RuntimeDefault }
      containers:
        - name: app
          image: ${name}:latest
          ports: [{ name: http, containerPort: 8000 }]
          env:
            - { name: SHUTDOWN_DELAY_MS, value: "10000" }
${storageEnv(project)}          envFrom: [{ secretRef: { name: ${name}, optional: true } }]
          startupProbe: { httpGet: { path: /startupz, port: http }, periodSeconds: 2, failureThreshold: 30 }
          readinessProbe: { httpGet: { path: /readyz, port: http }, periodSeconds: 3, failureThreshold: 2, timeoutSeconds: 3 }
          livenessProbe: { httpGet: { path: /healthz, port: http }, periodSeconds: 10, failureThreshold: 3 }
          securityContext: { readOnlyRootFilesystem: true, allowPrivilegeEscalation: false, capabilities: { drop: [ALL] } }
          resources: { requests: { cpu: 100m, memory: 128Mi }, limits: { memory: 512Mi } }
          volumeMounts:
            - { name: tmp, mountPath: /tmp }
${isSingle ? `            - { name: data, mountPath: ${dataFolder} }\n` : ""}      volumes:
        - { name: tmp, emptyDir: {} }
${isSingle ? `        - { name: data, persistentVolumeClaim: { claimName: ${name} } }\n` : ""}`;
}

function storageEnv(project: Project): string {
  if (!has(project, "storage")) return "";
  return `            - { name: STORAGE_BACKEND, value: local }
            - { name: STORAGE_BASE_PATH, value: ${dataFolder}/files }
`;
}

function service({ name }: Project): string {
  return `apiVersion: v1
kind: Service
metadata: { name: ${name} }
spec:
  selector: { app: ${name} }
  ports: [{ name: http, port: 80, targetPort: http }]
`;
}

function budget({ name }: Project): string {
  return `apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: { name: ${name} }
spec:
  maxUnavailable: 1
  selector: { matchLabels: { app: ${name} } }
`;
}

function volumeClaim(project: Project): readonly string[] {
  if (!has(project, "storage")) return [];
  return [
    `apiVersion: v1
kind: PersistentVolumeClaim
metadata: { name: ${project.name} }
spec:
  accessModes: [ReadWriteOnce]
  resources: { requests: { storage: 1Gi } }
`,
  ];
}

/** Runs once with each release; what is left of it goes away by itself, so that the next release can make it again. */
function migration(project: Project): readonly string[] {
  if (!has(project, "sql")) return [];
  const { name } = project;
  return [
    `# Nothing orders what is applied together, so apply this Job first, and the rest when it has ended well:
#   kubectl delete job ${name}-migrate --ignore-not-found
#   kubectl apply -f kubernetes.yaml -l app=${name}-migrate
#   kubectl wait --for=condition=complete --timeout=5m job/${name}-migrate
#   kubectl apply -f kubernetes.yaml
apiVersion: batch/v1
kind: Job
metadata: { name: ${name}-migrate, labels: { app: ${name}-migrate } }
spec:
  backoffLimit: 3
  ttlSecondsAfterFinished: 120
  template:
    spec:
      restartPolicy: Never
      automountServiceAccountToken: false
      securityContext: { runAsNonRoot: true, runAsUser: ${userId}, runAsGroup: ${userId}, seccompProfile: { type: RuntimeDefault } }
      containers:
        - name: migrate
          image: ${name}:latest
          command: ${JSON.stringify(migrateCommand)}
          envFrom: [{ secretRef: { name: ${name} } }]
          securityContext: { readOnlyRootFilesystem: true, allowPrivilegeEscalation: false, capabilities: { drop: [ALL] } }
`,
  ];
}
