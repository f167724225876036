/** Who made a request. */
export interface AuthUser {
  readonly id: string;
  readonly email: string;
  readonly name: string;
  readonly session: AuthSession;
  /** The active organisation, while the user belongs to it. */
  readonly tenant: string | undefined;
  /** What the user is in it: `owner`, `admin`, `member`, or several. */
  readonly roles: readonly string[];
}

/** The session that a request came with. */
export interface AuthSession {
  readonly id: string;
  /** When its owner last proved who they are. */
  readonly createdAt: Date;
  readonly expiresAt: Date;
  /** How many factors were proved: 1 or 2. */
  readonly factor: number;
}
