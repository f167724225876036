/** One request that a client sends straight to the service, with the content. */
export interface DirectRequest {
  /** `POST` sends a form of the fields with the content as `file` behind them. */
  readonly method: "PUT" | "POST";
  readonly url: string;
  /** Must be sent as they are. */
  readonly headers: Readonly<Record<string, string>>;
  readonly fields: Readonly<Record<string, string>>;
}
