export {
  type AttemptOptions,
  type Backoff,
  defineJob,
  isJobDefinition,
  type JobContext,
  type JobDefinition,
  type JobHandler,
  type RelayedJob,
  type RelayedWork,
} from "./define-job.js";
export { type EasyJobsContext, type EasyJobsOptions, easyJobs, type Jobs } from "./easy-jobs.js";
export { type JobInfo, type JobState, jobStates, type ScheduleInfo } from "./job-driver.js";
export { FinalJobFailure, JobError, type JobErrorCode } from "./job-error.js";
export type { EnqueueInOptions, EnqueueOptions, JobQueue } from "./job-queue.js";
export type { JobRunFacts } from "./job-runner.js";
export type { CronOptions, JobScheduler } from "./job-scheduler.js";
export type { PlannedSchedule } from "./planned-schedules.js";
export { type AddJobsOptions, addJobs, getJobs, type JobsPluginOptions, jobsPlugin } from "./plugin.js";
export { type JobsOptions, type JobsSettings, jobsVariables } from "./settings.js";
export { copyJob, sweepJob } from "./storage-jobs.js";
