/** Who made a request. */
export interface AuthUser {
  readonly id: string;
  readonly email: string;
  readonly name: string;
  /** What the request came with; none for an API key. */
  readonly session: AuthSession | undefined;
  /** The API key that the request came with. */
  readonly apiKey: UsedApiKey | undefined;
  /** The active organisation, or that of the API key, while the user belongs to it. */
  readonly tenant: string | undefined;
  /** What the user is in it: `owner`, `admin`, `member`, or several. */
  readonly roles: readonly string[];
}

/** A session of a browser, or of a client with tokens. */
export interface AuthSession {
  readonly id: string;
  /** When its owner last proved who they are. */
  readonly createdAt: Date;
  readonly expiresAt: Date;
  /** How many factors were proved: 1 or 2. */
  readonly factor: number;
}

/** An API key as a request brought it. */
export interface UsedApiKey {
  readonly id: string;
  readonly scopes: readonly string[];
}

/** Whom credentials stand for. */
export interface FoundUser {
  readonly user: AuthUser;
  /** Whether it was a cookie, which a browser sends for any page. */
  readonly isByCookie: boolean;
  /** Whether the time of the session is to be extended, and its cookie sent again. */
  readonly isDue: boolean;
}

/** The roles of a user as the library keeps them. */
export function rolesOf(role: string | null): readonly string[] {
  return role === null ? [] : role.split(",").map((each) => each.trim());
}
