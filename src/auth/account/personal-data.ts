/** The person whose data is told or erased. */
export interface DataSubject {
  readonly id: string;
  readonly email: string;
  /** Organisations with no other member: they end with this one. */
  readonly tenants: readonly string[];
}

/** What a part of the service keeps of users. */
export interface PersonalData {
  /** Everything of one user, as JSON can say it. */
  readonly export: (subject: DataSubject) => Promise<unknown>;
  /** Erases it; called twice for each user, and again after a failure, so it must do what is left and no more. */
  readonly erase: (subject: DataSubject) => Promise<void>;
}
